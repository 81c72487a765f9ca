"""Renders of the training photos by a given generator, made once and kept as files.

They lie in `RUN/renders-<generator>/<style>/<category>/<photo>.webp`, encoded as they would be
published; what is there is kept, so a stopped run goes on and another generator gets a folder of
its own. Each photo is drawn in a few styles, in turn, so that every style sees every category; of
every second photo the product is put on white ground first, for most of a shop's photos are
packshots, and every style is faint there. Those lie in `RUN/renders-<generator>/on-white`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from stylecore.engine import Engine
from stylecore.errors import SettingsError
from stylecore.gan.pairs import load, on_white
from stylecore.imaging.contact_sheet import LabelledPhoto
from stylecore.imaging.photo import encode, to_pixels
from stylecore.sample_renders import sample_renders

NOISES = 16
"""Photos take turns with as many noise fields."""
WHITE_EVERY = 2
"""One photo in so many is drawn on white ground; no divisor of the number of styles."""
ON_WHITE = "on-white"

Progress = Callable[[int, int], None]
"""Gets the number of photos done and of all."""


def renders_folder(run: Path, engine: Engine) -> Path:
    """Where the renders of this very generator lie; its version counts, too, for the finishes."""
    return run / f"renders-{engine.manifest.version}-{engine.manifest.sha256[:12]}"


def styles_in_turn(index: int, styles: Sequence[str], count: int) -> list[str]:
    """The `count` styles of the photo at `index`; neighbours get others."""
    return [styles[(index + turn) % len(styles)] for turn in range(min(count, len(styles)))]


def white_photo(photo: LabelledPhoto, index: int, folder: Path) -> Path | None:
    """The photo on white ground, written where it lacks; None where it is drawn as it is."""
    if index % WHITE_EVERY:
        return None
    file = folder / ON_WHITE / photo.category / f"{photo.path.stem}.png"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(to_pixels(on_white(load(photo.path), index))).save(file)
    return file


def make_renders(
    engine: Engine,
    photos: Sequence[LabelledPhoto],
    folder: Path,
    count: int,
    progress: Progress,
) -> list[dict[str, Path]]:
    """For each photo its styles' files, drawn where they lack.

    Raises SettingsError when two photos of a category have one stem.
    """
    styles = [style.style_id for style in engine.manifest.styles]
    wanted = [
        {
            style: folder / style / photo.category / f"{photo.path.stem}.webp"
            for style in styles_in_turn(index, styles, count)
        }
        for index, photo in enumerate(photos)
    ]
    _check_distinct(wanted)
    for index, (photo, files) in enumerate(zip(photos, wanted, strict=True)):
        missing = {style: file for style, file in files.items() if not file.is_file()}
        if missing:
            source = white_photo(photo, index, folder) or photo.path
            drawn = sample_renders(engine, source, list(missing), seed=index % NOISES)
            for style, file in missing.items():
                _write(file, encode(drawn.renders[style])[0])
        progress(index + 1, len(photos))
    return wanted


def _check_distinct(wanted: Sequence[dict[str, Path]]) -> None:
    files = [file for by_style in wanted for file in by_style.values()]
    if len(set(files)) < len(files):
        raise SettingsError("photos: two of one category have the same name but for the suffix")


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_bytes(data)
    part.replace(file)
