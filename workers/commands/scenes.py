"""`stylecast scenes` lists backdrops, before which a product is shown, and draws swatches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from stylecore.imaging.photo import to_pixels
from stylecore.rendering.backdrops import BACKDROPS, draw_backdrop
from stylecore.rendering.scene_colours import default_colours
from workers.commands.printing import JsonFlag, print_rows
from workers.commands.render import make_folder

SWATCH = 256
"""Pixels of a swatch's side."""


def scenes(
    output: Annotated[
        Path | None, typer.Option(help="Folder for a swatch of each, NAME.png.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another picture.")] = 0,
    json: JsonFlag = False,
) -> None:
    """List the backdrops: name, Chinese name, surface, number of colours and occasions."""
    rows = [
        {
            "backdrop": backdrop.name,
            "chinese": backdrop.chinese,
            "surface": backdrop.surface,
            "colours": len(backdrop.tones),
            "occasions": list(backdrop.occasions) if json else ", ".join(backdrop.occasions),
        }
        for backdrop in BACKDROPS.values()
    ]
    if output is not None:
        make_folder(output)
        for name in BACKDROPS:
            picture = draw_backdrop(name, seed, default_colours(name), SWATCH, SWATCH)
            Image.fromarray(to_pixels(picture)).save(output / f"{name}.png")
    print_rows("Backdrops", rows, as_json=json)
