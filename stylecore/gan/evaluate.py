"""Renders a folder of photos with the exported generator, and measures what needs no photo set.

    python -m stylecore.gan.evaluate --photos DIR... --generator DIR --output DIR [--limit N]

Writes `<output>/originals/<stem>.png` and `<output>/renders/<style>/<stem>.png` at the working
size, the layout that an external measure of taste reads. Plain ground is whitened before and set to
the style's paper after, as the product does; `--bare` leaves both out and shows the network alone.
Judging the pictures is not done here.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from stylecore.background import product_mask
from stylecore.errors import SettingsError
from stylecore.gan.onnx_file import cpu_session, run_session
from stylecore.gan.references import PICTURES
from stylecore.manifest import GeneratorManifest, ManifestStyle, load_manifest
from stylecore.noise import noise_field

Picture = NDArray[np.float32]
LONGEST = 3
"""Photos longer than this many short sides are cropped in the middle."""


def evaluate(
    photos: Sequence[Path], generator: Path, output: Path, *, limit: int, seed: int, bare: bool
) -> int:
    """Render up to `limit` photos in every style; returns how many photos were rendered.

    Raises SettingsError when there are no photos, Permanent when the generator is not whole.
    """
    manifest = load_manifest(generator)
    session = cpu_session(generator / manifest.file)
    chosen = spread(photos, limit)
    for path in chosen:
        photo = load_photo(path, manifest)
        save(photo, output / "originals" / f"{path.stem}.png")
        for style, render in render_styles(session, photo, manifest, seed, bare):
            save(render, output / "renders" / style.style_id / f"{path.stem}.png")
    return len(chosen)


def spread(folders: Sequence[Path], limit: int) -> list[Path]:
    """Up to `limit` photos, taken at even distances from all under the folders."""
    found = sorted(
        path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in PICTURES
    )
    if not found:
        raise SettingsError(f"photos: none under {', '.join(map(str, folders))}")
    places = np.linspace(0, len(found) - 1, min(limit, len(found))).round().astype(int)
    return [found[place] for place in places]


def load_photo(path: Path, manifest: GeneratorManifest) -> Picture:
    """[H, W, 3] in [0, 1], upright, short side the working size, sides the generator's multiple."""
    with Image.open(path) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    scale = manifest.working_size / min(upright.size)
    multiple, longest = manifest.size_multiple, LONGEST * manifest.working_size
    width, height = (
        min(round(side * scale / multiple) * multiple, longest) for side in upright.size
    )
    fitted = ImageOps.fit(upright, (width, height), Image.Resampling.LANCZOS)
    return np.asarray(fitted, np.float32) / np.float32(255)


def render_styles(
    session: object, photo: Picture, manifest: GeneratorManifest, seed: int, bare: bool
) -> Iterator[tuple[ManifestStyle, Picture]]:
    """The photo in every style, one batch a style."""
    mask = np.ones_like(photo[..., :1]) if bare else product_mask(photo)[..., None]
    source = (photo - 1) * mask + 1
    noise = noise_field(seed, *photo.shape[:2])
    for row, style in enumerate(manifest.styles):
        weights = np.eye(len(manifest.styles), dtype=np.float32)[row : row + 1]
        render = run_session(session, planes(source), weights, planes(noise))[0]
        paper = np.asarray(style.paper or (255, 255, 255), np.float32) / 255
        yield style, paper + (render.transpose(1, 2, 0) - paper) * mask


def planes(picture: Picture) -> Picture:
    """[H, W, 3] -> [1, 3, H, W]."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)


def save(picture: Picture, path: Path) -> None:
    """Write [H, W, 3] in [0, 1] as PNG, making folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)).save(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Render photos in every style of a generator.")
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--generator", type=Path, required=True, help="folder of the manifest")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bare", action="store_true", help="no product mask")
    given = parser.parse_args(arguments)
    count = evaluate(
        given.photos,
        given.generator,
        given.output,
        limit=given.limit,
        seed=given.seed,
        bare=given.bare,
    )
    print(f"{count} photos rendered under {given.output}")


if __name__ == "__main__":
    main()
