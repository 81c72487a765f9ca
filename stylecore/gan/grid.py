"""Pictures of a run's progress: photos down, the photo and every style across."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from stylecore.arrays import Bytes
from stylecore.gan.data import Pair, one_hot, to_tensor
from stylecore.gan.networks import SIZE_MULTIPLE, Generator

GAP = 4


@torch.no_grad()
def render_pair(generator: Generator, pair: Pair) -> list[Bytes]:
    """The photo and its render in each style, all cut to multiples of SIZE_MULTIPLE."""
    height, width = (side // SIZE_MULTIPLE * SIZE_MULTIPLE for side in pair.photo.shape[:2])
    photo = to_tensor([pair.whitened[:height, :width]])
    noise = torch.from_numpy(pair.noise[:height, :width].astype(np.float32))
    field = noise.permute(2, 0, 1)[None].contiguous()
    count = generator.shape.styles
    renders = [generator(photo, one_hot([style], count), field)[0] for style in range(count)]
    pictures = [np.rint(render.permute(1, 2, 0).numpy() * 255) for render in renders]
    return [pair.photo[:height, :width], *(picture.astype(np.uint8) for picture in pictures)]


def progress_grid(generator: Generator, pairs: Sequence[Pair]) -> Image.Image:
    """Each pair's photo and renders in one row, the teachers' paintings in the row below."""
    rows = []
    for pair in pairs:
        renders = render_pair(generator, pair)
        height, width = renders[0].shape[:2]
        paintings = [painting[:height, :width] for painting in pair.paintings]
        rows += [renders, [renders[0], *paintings]]
    return tiled(rows)


def tiled(rows: Sequence[Sequence[Bytes]]) -> Image.Image:
    """Pictures in rows on grey; every picture in a row has one size."""
    widest = max(sum(picture.shape[1] + GAP for picture in row) for row in rows)
    sheet = Image.new("RGB", (widest, sum(row[0].shape[0] + GAP for row in rows)), "#c0c0c0")
    top = 0
    for row in rows:
        left = 0
        for picture in row:
            sheet.paste(Image.fromarray(picture), (left, top))
            left += picture.shape[1] + GAP
        top += row[0].shape[0] + GAP
    return sheet
