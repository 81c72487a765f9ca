"""Renders the photos of the sample products that photos/products.jsonl lists.

    python deploy/samples/render.py [--only NAME] [--size 512] [--spp 32] [--alpha] [--output DIR]

The same machine and variant draw the same bytes again. What this module does not know: what the
products look like (looks.py) and how light works (studio.py).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import mitsuba as mi
from looks import LOOKS
from PIL import Image
from studio import outlined, photograph

PHOTOS = Path(__file__).parent / "photos"


def catalogue() -> dict[str, str]:
    """product_id to the photo's path inside the folder of photos."""
    lines = (PHOTOS / "products.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["product_id"]: row["image"] for row in map(json.loads, lines)}


def save(name: str, path: Path, size: int, samples: int) -> None:
    look = LOOKS[name]
    pixels = photograph(look.build(), look.shot, size, samples)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=88, optimize=True)


def save_alpha(name: str, path: Path, size: int, samples: int) -> None:
    look = LOOKS[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(outlined(look.build(), look.shot, size, samples)).save(path, optimize=True)


def arguments(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Renders the photos of the sample products.")
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="NAME",
        help="render this product alone; may be repeated",
    )
    parser.add_argument("--size", type=int, default=512, help="side of the photo in pixels")
    parser.add_argument(
        "--alpha",
        action="store_true",
        help="write the exact alpha of each photo (.png) in place of the photo",
    )
    parser.add_argument("--spp", type=int, default=32, help="light paths a pixel")
    parser.add_argument("--output", type=Path, default=PHOTOS, help="folder of the photos")
    parser.add_argument(
        "--variant",
        default="scalar_rgb",
        choices=("scalar_rgb", "llvm_ad_rgb"),
        help="Mitsuba's back end; the second is faster and needs a recent LLVM",
    )
    return parser.parse_args()


def main() -> None:
    images = catalogue()
    wanted = arguments(list(images))
    mi.set_variant(wanted.variant)
    for name in wanted.only or images:
        start = time.perf_counter()
        path = wanted.output / images[name]
        if wanted.alpha:
            path = path.with_suffix(".png")
        (save_alpha if wanted.alpha else save)(name, path, wanted.size, wanted.spp)
        kilobytes = path.stat().st_size // 1024
        print(
            f"{path.relative_to(wanted.output)} {kilobytes} kB {time.perf_counter() - start:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
