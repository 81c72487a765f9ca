"""The trained models that ship, each a folder with its manifest and model card."""

from __future__ import annotations

from pathlib import Path

GENERATOR = Path(__file__).parent / "generator"
"""Folder of the generator in use."""
FEATURES = Path(__file__).parent / "features"
"""Folder of the feature network in use."""
MATTE = Path(__file__).parent / "matte"
"""Folder of the matte network in use."""
COMPOSITION = Path(__file__).parent / "composition"
"""Folder of the graphs that compose finished pictures (stylecore/gan/composition.py)."""
