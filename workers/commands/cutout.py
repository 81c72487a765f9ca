"""`stylecast cutout PHOTO...`: products cut out of photos, at the photo's size."""

from __future__ import annotations

from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import typer
from PIL import Image, ImageColor
from scipy import ndimage

from stylecore.arrays import Floats
from stylecore.errors import SettingsError
from stylecore.imaging.matte import resized
from stylecore.imaging.photo import Photo, to_pixels
from stylecore.rendering.matte import MatteNet, cut_out
from workers.commands.printing import JsonFlag, print_json
from workers.commands.render import (
    Count,
    Unread,
    distinct_photos,
    make_folder,
    photo_files,
    read_photo,
)
from workers.pictures import load_matte_net, make_decoder
from workers.settings import load_settings

SMALLEST, WHOLE = 1, 1_000_000
"""Bounds of the short side in pixels of what is cut out: that of the photo, whatever it is."""
MARGIN = 0.05
"""Of the side of a square picture, at either side of the product."""
STRAY = 0.02
"""Share of the product's area below which a part that lies apart is none of it."""
JOINED = 0.03
"""Of the short side: the gap across which parts are one."""
SMALL = 256
TRANSPARENT = "transparent"


class Format(StrEnum):
    """File formats of a product that was cut out."""

    PNG = "png"
    WEBP = "webp"


class CutoutFigures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `--json` tells of a photo.

    `share` of the photo that is product; `box` about it, in pixels of the photo: left, top, right,
    bottom. `file` is left out where none was written, `problem` then says why.
    """

    photo: str
    file: str | None = None
    problem: str | None = None
    share: float | None = None
    box: tuple[int, int, int, int] | None = None
    confidence: float | None = None


def cutout(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of them.")],
    output: Annotated[Path, typer.Option(help="Folder to write to.")],
    file_format: Annotated[
        Format, typer.Option("--format", help="Of the files, which are lossless.")
    ] = Format.PNG,
    ground: Annotated[
        str, typer.Option(help="'transparent', a name such as 'white', or '#rrggbb'.")
    ] = TRANSPARENT,
    square: Annotated[
        bool,
        typer.Option(help="The product without stray bits in the middle of a square, with margin."),
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Cut products out of photos: FOLDER/<photo>.png, or .webp, at the photo's size unless square.

    Of a moving picture the fullest early frame is taken. Exit 1 where a picture lacks: no product
    was found for sure, or a file cannot be read. With --json, a photo's `box` is left, top, right
    and bottom of the product in pixels of the photo.
    """
    if any(path.is_dir() and path.resolve() == output.resolve() for path in photos):
        raise SettingsError(f"--output: {output} holds the photos; give another folder")
    settings = load_settings()
    color = None if ground == TRANSPARENT else parse_color(ground)
    net = load_matte_net(settings.stylize)
    count, found = Count(), []
    make_folder(output)
    with closing(make_decoder(settings, 1, SMALLEST, WHOLE)) as decoder:
        for path in distinct_photos(photo_files(photos, output, count)):
            photo = read_photo(decoder, path)
            if isinstance(photo, Unread):
                count.unreadable(photo)
                found.append(CutoutFigures(photo=str(path), problem=str(photo)))
                continue
            file = output / f"{path.stem}.{file_format.value}"
            figures = _cut(path, photo, net, file, color, square=square)
            found.append(figures)
            if figures.problem:
                count.rejected += 1
                typer.echo(f"stylecast: {path}: {figures.problem}", err=True)
            else:
                count.written += 1
    if json:
        print_json(found)
    else:
        typer.echo(
            f"products in {output}: {count.written}, not found: {count.rejected}, "
            f"files not read: {count.unread}"
        )
    if count.rejected or count.unread:
        raise typer.Exit(1)


def _cut(
    path: Path,
    photo: Photo,
    net: MatteNet,
    file: Path,
    color: tuple[int, int, int] | None,
    *,
    square: bool,
) -> CutoutFigures:
    """Write the product of a photo, and return its figures."""
    if photo.large is not None:  # `pixels` is as small as the decoder can make it
        photo = Photo(photo.large, photo.sha256, None, photo.large_alpha, None, photo.notes)
    cut = cut_out(photo, net)
    alpha = cut.alpha
    box = box_of(alpha)
    if cut.is_certain:
        shown = without_stray_bits(alpha) if square else alpha
        picture = Image.fromarray(np.dstack([cut.colors, to_pixels(shown)]))
        middle = box_of(shown)
        if square and middle is not None:
            picture = squared(picture, middle)
        if color is not None:
            flat = Image.new("RGB", picture.size, color)
            flat.paste(picture, mask=picture.getchannel("A"))
            picture = flat
        picture.save(file, lossless=True)
    return CutoutFigures(
        photo=str(path),
        file=str(file) if cut.is_certain else None,
        problem=None if cut.is_certain else "no product was found for sure",
        share=round(float(alpha.mean()), 4),
        box=box,
        confidence=round(cut.confidence, 4),
    )


def box_of(alpha: Floats) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of what is product; None where nothing is."""
    return Image.fromarray(np.asarray(alpha >= 0.5, np.uint8) * 255).getbbox()


def without_stray_bits(alpha: Floats) -> Floats:
    """Return alpha [H, W] of the parts that have at least STRAY of the product's area.

    Parts nearer than JOINED to each other are one, as are a product and the print beside it. Their
    labels are found in the alpha reduced to a short side of SMALL px.
    """
    height, width = (max(1, round(side * min(1, SMALL / min(alpha.shape)))) for side in alpha.shape)
    small = resized(alpha[..., None], (height, width))[..., 0]
    reach = max(1, round(JOINED * SMALL / 2))
    labels, count = ndimage.label(ndimage.binary_dilation(small >= 0.5, iterations=reach))
    if not count:
        return alpha
    areas = ndimage.sum_labels(small, labels, np.arange(count + 1))
    kept = areas >= min(STRAY * float(areas[1:].sum()), float(areas[1:].max()))
    kept[0] = False
    near = Image.fromarray(kept[labels]).resize(alpha.shape[::-1], Image.Resampling.NEAREST)
    return np.where(np.asarray(near), alpha, np.float32(0))


def squared(picture: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """Return the product in the middle of a square, MARGIN at either side of its longer side."""
    left, top, right, bottom = box
    product = picture.crop(box)
    side = round(max(product.size) / (1 - 2 * MARGIN))
    whole = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    whole.paste(product, ((side - (right - left)) // 2, (side - (bottom - top)) // 2))
    return whole


def parse_color(text: str) -> tuple[int, int, int]:
    """RGB of a CSS name or '#rrggbb'. Raises SettingsError."""
    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError as problem:
        raise SettingsError(
            f"--ground {text!r}: give transparent, a colour's name, or #rrggbb"
        ) from problem
    return red, green, blue
