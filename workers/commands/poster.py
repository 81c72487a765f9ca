"""`stylecast poster PHOTO`: advertisements without Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from schemas.catalog import ORIGINAL, StyleDefinition
from stylecore.errors import Permanent
from stylecore.imaging.palette import parse_palette
from stylecore.imaging.photo import Photo, Pixels, decode
from stylecore.poster.canvas import colour_of
from stylecore.poster.compose import Brand, Words, compose_poster, encode_poster, subject_of
from stylecore.poster.layout import parse_size
from stylecore.poster.logo import decode_logo
from stylecore.rendering.draw import compose, draw, source_of, task_of
from stylecore.rendering.style import parse_style
from workers.commands.printing import JsonFlag, print_json
from workers.pictures import load_engine
from workers.settings import Settings, load_settings

USUAL_SIZES = ("1080x1080", "1080x1920", "1200x628")
"""A post, a story, a link's picture."""


def poster(
    photo: Annotated[Path, typer.Argument(help="The product's photo.")],
    style: Annotated[
        str, typer.Option(help="A style, a blend (watercolour=0.7,ink-line=0.3), or 'original'.")
    ],
    headline: Annotated[str, typer.Option(help="What it says; a line end is kept.")],
    output: Annotated[Path, typer.Option(help="Folder to write to.")],
    price: Annotated[str | None, typer.Option(help="As it is to be read: '¥129'.")] = None,
    logo: Annotated[Path | None, typer.Option(help="PNG, WebP or JPEG, kept exact.")] = None,
    palette: Annotated[
        str | None,
        typer.Option(
            help="Brand colours, kept exact: the panel's, then the text's: '#0a3d62,#f8efba'."
        ),
    ] = None,
    size: Annotated[list[str] | None, typer.Option(help="WIDTHxHEIGHT; may be repeated.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compose posters of a product: OUTPUT/<photo>-<style>-<size>.png."""
    settings = load_settings()
    sizes = {name: parse_size(name) for name in size or USUAL_SIZES}
    colours = tuple(map(colour_of, parse_palette(palette))) if palette else ()
    brand = Brand(colours, decode_logo(_read(logo)) if logo else None)
    source, picture = _picture(photo, style, settings)
    subject, written = subject_of(picture, source.pixels), []
    output.mkdir(parents=True, exist_ok=True)
    for name, wanted in sizes.items():
        made = compose_poster(subject, Words(headline, price), brand, wanted)
        path = output / f"{photo.stem}-{style}-{name}.png"
        path.write_bytes(encode_poster(made))
        texts = [made.headline, *([made.price] if made.price else [])]
        least = min(text.contrast for text in texts)
        written.append({"path": str(path), "size": name, "contrast": round(least, 2)})
    if as_json:
        print_json(written)
    else:
        typer.echo("\n".join(f"{row['path']} (contrast {row['contrast']}:1)" for row in written))


def _picture(path: Path, style: str, settings: Settings) -> tuple[Photo, Pixels]:
    """Return the photo, and its picture in the style at the largest size that there is."""
    if style == ORIGINAL:
        photo = _decoded(path, 256, settings)
        return photo, photo.pixels if photo.large is None else photo.large
    engine = load_engine(settings.stylize)
    photo = _decoded(path, engine.manifest.working_size, settings)
    names = [name.style_id for name in engine.manifest.styles]
    ((_, weights),) = parse_style(style, names)
    task = task_of(source_of(photo), StyleDefinition(weights=dict(weights)), engine.manifest)
    ((_, planes),) = draw(engine, [task], 1)
    return photo, compose(task, planes, engine)


def _decoded(path: Path, short_side: int, settings: Settings) -> Photo:
    try:
        return decode(
            _read(path),
            short_side=short_side,
            max_pixels=settings.photos.max_pixels,
            output_side=settings.stylize.output_side,
        )
    except Permanent as problem:
        raise Permanent(f"{path}: {problem}") from problem


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise Permanent(f"cannot read {path}: {problem.strerror}") from problem
