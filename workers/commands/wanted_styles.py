"""What `stylecast render` is asked to draw: names, blends, a picture, a palette, as definitions.

Each has the name of the folder that its pictures go to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from schemas.catalog import StyleDefinition
from stylecore.errors import SettingsError
from stylecore.rendering.style import parse_style

PALETTE = "palette"
"""Folder of a palette that stands alone; it is laid on the generator's first style."""


def wanted_styles(
    styles: Sequence[str],
    reference: Path | None,
    names: Sequence[str],
    common: StyleDefinition,
) -> dict[str, StyleDefinition]:
    """Folder name to definition; `common` gives all but weights and reference.

    `names` are the generator's styles. Raises SettingsError where nothing is asked for or two
    styles would go to one folder, UnknownStyle for a style that is none.
    """
    blends = dict(pair for text in styles for pair in parse_style(text, names))
    if not blends and reference is None and common.palette is not None:
        blends = {PALETTE: {names[0]: 1.0}}
    wanted = {name: _with_weights(common, weights) for name, weights in blends.items()}
    if reference is not None:
        if reference.stem in wanted:
            raise SettingsError(f"--reference: rename {reference}, '{reference.stem}' is a style")
        wanted[reference.stem] = msgspec.structs.replace(
            common, weights=None, reference_uri=str(reference)
        )
    if not wanted:
        raise SettingsError("nothing to draw: give --style, --reference or --palette")
    return wanted


def _with_weights(common: StyleDefinition, weights: Mapping[str, float]) -> StyleDefinition:
    return msgspec.structs.replace(common, weights=dict(weights))
