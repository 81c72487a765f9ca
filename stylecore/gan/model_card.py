"""The model card of a generator as its manifest tells it: what, data, training, figures, limits.

What a person saw in the pictures is not known here: add it by hand, and look before you ship.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stylecore.rendering.manifest import GeneratorManifest, load_manifest

CARD = "MODEL_CARD.md"
SHOWN = ("progress", "accuracy", "apart", "texture", "ssim", "retrieval", "fine", "shift")
"""Figures of the table; the manifest has all."""
LIMITS = """
## Limits

Made for product photos of a shop at the working size; other sizes change the stroke relative to the
product. Faces were not tried. The figures say nothing of taste: look at the contact sheets
(`stylecast evaluate generator`) and write here which styles are good and which only acceptable.
"""


def write_card(folder: Path) -> None:
    """Write the card of the generator in this folder. Raises Permanent where there is none."""
    (folder / CARD).write_text(model_card(load_manifest(folder)), encoding="utf-8")


def model_card(manifest: GeneratorManifest) -> str:
    """Markdown."""
    parts = (_what(manifest), _training(manifest), _figures(manifest.figures), LIMITS)
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _what(manifest: GeneratorManifest) -> str:
    styles = "\n".join(
        f"| {style.style_id} | {style.kind} | {style.description} |" for style in manifest.styles
    )
    variants = "".join(
        f"\n- `{variant.file}` ({name}): to FP32 "
        + ", ".join(f"{figure} {value}" for figure, value in variant.figures.items())
        for name, variant in manifest.variants.items()
    )
    served = ", ".join(f"{device} {name}" for device, name in manifest.served.items()) or "fp32"
    return f"""
# Model card: {manifest.name} {manifest.version}

One conditional generator draws a product photo in {len(manifest.styles)} styles:
`render = G(photo, weights, noise)`. {manifest.parameters:,} parameters, working size
{manifest.working_size} px, licence {manifest.licence}.

- `{manifest.file}` (fp32), sha256 `{manifest.sha256}`{variants}
- served: {served}

| style | from | what it is |
|---|---|---|
{styles}
"""


def _training(manifest: GeneratorManifest) -> str:
    run = manifest.training
    weights = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in run.losses.items())
    sources = "\n".join(f"- {source}" for source in manifest.sources)
    return f"""
## Data and training

{sources}

    {run.command}

{run.steps:,} steps on {run.pairs} painted photos, {run.seconds / 60:.0f} minutes on {run.hardware},
seed {run.seed}. Losses (`stylecore/gan/losses.py`): {weights}.
"""


def _figures(figures: Mapping[str, Mapping[str, float]]) -> str:
    """A row a style; nothing where nothing was measured."""
    if not figures:
        return ""
    rows = "\n".join(
        f"| {style} | " + " | ".join(_cell(measured.get(name)) for name in SHOWN) + " |"
        for style, measured in figures.items()
    )
    return f"""
## Figures

`stylecast evaluate generator` on photos that nobody trained on, as served.

| style | {" | ".join(SHOWN)} |
|---|{"---|" * len(SHOWN)}
{rows}
"""


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
