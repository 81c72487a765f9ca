"""Composition as torch modules, exported for ONNX Runtime: from a render to the finished picture.

`Small` works at the generator's size: it gives the render its style's colours and finds how far the
render follows the photo (stylecore/rendering/composition.py tells the method). `Large` works on a
rectangle of the finished picture: it enlarges, puts back what of the photo is finer, lays the
product on its ground and mixes photo, render and the product's own colours. Filters and enlarging
depend on sizes alone. The readable NumPy version in tests/composition_oracle.py is what both are
held against.

Nothing here is learned. `python -m stylecore.gan.composition` writes the files that ship.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from stylecore.gan.onnx_file import check_onnx, export_onnx
from stylecore.imaging.photo import LUMA
from stylecore.models import COMPOSITION
from stylecore.rendering.composition import (
    LARGE,
    LARGE_INPUTS,
    LARGE_PRODUCT,
    MARGIN,
    SMALL,
    SMALL_INPUTS,
)

SHARP_SIGMA, SHARP_REACH = 1.4, 4
"""Sigma of the unsharp mask and half the width of its kernel, in pixels of the working size."""
FINE_SIGMA, FINE_REACH = 1.5, 6
"""What is finer than this sigma is fine."""
WINDOW = 9
"""Side in pixels of the working size of the windows of the local fit."""
UNCERTAIN_VARIANCE = 0.02**2
"""Variance of luminance below which a window does not determine the slope."""
STEEPEST = 1.2


class Small(nn.Module):
    """Render and photo at the working size -> the planes that `Large` enlarges."""

    sharp: Tensor
    fine: Tensor
    luma: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sharp", _gaussian(SHARP_SIGMA, SHARP_REACH))
        self.register_buffer("fine", _gaussian(FINE_SIGMA, FINE_REACH))
        self.register_buffer("luma", torch.tensor(LUMA, dtype=torch.float32)[None])

    def forward(self, render: Tensor, photo: Tensor, finish: Tensor, tint: Tensor) -> Tensor:
        """Return [5, h, w]: RGB and the photo's luminance of 0-255, and the share of its detail.

        render, photo: [h + 2 MARGIN, w + 2 MARGIN, 3] of 0-1, the edge mirrored into the margin;
        finish: [4], sharpness, the photo's share, colour and least detail; tint: [3], of
        luminance 1.
        """
        sharpness, share, colour, least = finish.unbind()
        drawn, before = _planes(render), _planes(photo)
        soft = _filtered(drawn, self.sharp)
        drawn, before = _cropped(drawn, SHARP_REACH), _cropped(before, SHARP_REACH)
        drawn = drawn + sharpness * (drawn - soft)
        drawn = drawn + share * (before - drawn)
        faded = _combined(tint[:, None] * self.luma, drawn)
        drawn = (faded + colour * (drawn - faded)).clamp(0, 1)
        light = _combined(self.luma, before)
        fine = _cropped(light, FINE_REACH) - _filtered(light, self.fine)
        drawn = _cropped(drawn, FINE_REACH) + least * fine
        light = _cropped(light, FINE_REACH)
        slope = _slope(light, _combined(self.luma, drawn))
        inner = _cropped(torch.cat([drawn.clamp(0, 1), light]), WINDOW // 2)
        share = torch.where(least > 0, slope.maximum(least), slope)
        return torch.cat([255 * inner, share])


class Large(nn.Module):
    """A rectangle of the finished picture, uint8 [R, C, 3]: of a whole photo, or of a product."""

    luma: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("luma", torch.tensor(LUMA, dtype=torch.float32)[None])

    def forward(
        self,
        planes: Tensor,
        rows: Tensor,
        columns: Tensor,
        photo: Tensor,
        mask: Tensor,
        ground: Tensor,
        strengths: Tensor,
        tone: Tensor | None = None,
        colors: Tensor | None = None,
        alpha: Tensor | None = None,
    ) -> Tensor:
        """Mix photo, render and ground; with the last three, a product that was cut out.

        planes: [5, k, l], those of `Small` about the rectangle, with a sixth, the contour's share,
        for a product; rows [R, k] and columns [l, C]: weights of the enlarging; photo: uint8
        [R, C, 3]; mask: uint8 [R, C]; ground: [4], the photo's share of the ground and its colour
        of 0-255; strengths: [2], of the whole and of the product; tone: [3], the contour's colour
        of 0-255; colors: uint8 [R, C, 3], the product's own; alpha: uint8 [R, C], where it keeps
        its own strength.
        """
        before = _planes(photo)
        wide = torch.matmul(torch.matmul(rows, planes), columns)
        drawn = wide[:3] + wide[4:5] * (_combined(self.luma, before) - wide[3:4])
        whole = _on_ground(drawn, before, mask, ground)
        if tone is None or colors is None or alpha is None:
            return _bytes(before + strengths[0] * (whole - before))
        line = wide[5:6].clamp(0, 1)
        whole = whole + _combined(tone[:, None], line) - line * whole
        picture = before + strengths[0] * (whole - before)
        own = _planes(colors)
        shown = own + strengths[1] * (drawn - own)
        return _bytes(picture + alpha.float()[None] / 255 * (shown - picture))


def _planes(pixels: Tensor) -> Tensor:
    return pixels.permute(2, 0, 1).float()


def _bytes(planes: Tensor) -> Tensor:
    return (planes + 0.5).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous()


def _on_ground(drawn: Tensor, photo: Tensor, mask: Tensor, ground: Tensor) -> Tensor:
    inside = mask.float()[None] / 255
    outside = 1 - inside
    lying = ground[0] * photo * outside + _combined(ground[1:, None], outside)
    return lying + drawn * inside


def _combined(weights: Tensor, planes: Tensor) -> Tensor:
    """[N, C] and [C, H, W] -> [N, H, W]."""
    # Several times as fast in ONNX Runtime as a product with [N, C, 1, 1] and its sum.
    return torch.matmul(weights, planes.flatten(1)).reshape(-1, *planes.shape[1:])


Examples = list[tuple[Tensor, ...]]


def export_composition(folder: Path) -> None:
    """Write the three graphs. Raises StylecastError where one differs from torch."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, module, examples in modules():
        names = SMALL_INPUTS if file == SMALL else LARGE_INPUTS[: len(examples[0])]
        free = [
            [axis for axis, (one, other) in enumerate(zip(*shapes, strict=True)) if one != other]
            for shapes in zip(
                *([part.shape for part in example] for example in examples), strict=True
            )
        ]
        export_onnx(module, folder / file, examples[0], names, ["picture"], free)
        check_onnx(module, folder / file, examples)


def modules() -> list[tuple[str, nn.Module, Examples]]:
    """Each file's name, its module and two examples of inputs; axes that differ are of any size."""
    sizes = ((20, 24, 64, 80), (9, 30, 11, 33))
    return [
        (SMALL, Small(), [_small(40, 56), _small(33, 90)]),
        (LARGE, Large(), [_large(*size, product=False) for size in sizes]),
        (LARGE_PRODUCT, Large(), [_large(*size, product=True) for size in sizes]),
    ]


def _small(height: int, width: int) -> tuple[Tensor, ...]:
    size = (height + 2 * MARGIN, width + 2 * MARGIN, 3)
    tint = torch.tensor([1.1, 0.95, 0.99])
    return torch.rand(size), torch.rand(size), torch.tensor([0.4, 0.1, 0.8, 0.2]), tint


def _large(k: int, l: int, rows: int, columns: int, product: bool) -> tuple[Tensor, ...]:  # noqa: E741
    planes = torch.rand(5 + product, k, l) * 255
    planes[4:] /= 255
    photo, mask, colors, alpha = (
        torch.randint(0, 256, shape, dtype=torch.uint8)
        for shape in 2 * ((rows, columns, 3), (rows, columns))
    )
    enlarging = torch.rand(rows, k) / k, torch.rand(l, columns) / l
    ground = torch.tensor([0.4, 90.0, 120.0, 30.0])
    mixed = (planes, *enlarging, photo, mask, ground, torch.tensor([0.9, 0.3]))
    return (*mixed, torch.tensor([80.0, 90.0, 70.0]), colors, alpha) if product else mixed


def _gaussian(sigma: float, reach: int) -> Tensor:
    """A kernel [2 * reach + 1] as scipy.ndimage has it."""
    line = np.zeros(2 * reach + 1)
    line[reach] = 1
    return torch.tensor(ndimage.gaussian_filter1d(line, sigma, radius=reach), dtype=torch.float32)


def _filtered(planes: Tensor, kernel: Tensor) -> Tensor:
    """[C, H, W] by a symmetric kernel down and across; smaller by its reach on every side."""
    channels = len(planes)
    down = kernel.reshape(1, 1, -1, 1).repeat(channels, 1, 1, 1)
    soft = functional.conv2d(planes[None], down, groups=channels)
    return functional.conv2d(soft, down.transpose(2, 3), groups=channels)[0]


def _cropped(planes: Tensor, reach: int) -> Tensor:
    return planes[..., reach:-reach, reach:-reach]


def _slope(photo: Tensor, render: Tensor) -> Tensor:
    """Least-squares slope of the render's luminance over the photo's, in windows."""
    planes = torch.cat([photo * render, photo, render, photo * photo])[None]
    means = functional.avg_pool2d(functional.avg_pool2d(planes, (WINDOW, 1), 1), (1, WINDOW), 1)
    both, first, second, square = torch.split(means[0], 1)
    slope: Tensor = (both - first * second) / (square - first * first + UNCERTAIN_VARIANCE)
    return slope.clamp(-STEEPEST, STEEPEST)


if __name__ == "__main__":
    export_composition(COMPOSITION)
