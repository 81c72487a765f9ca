"""The demo's products: those that ship, or anyone's folder of photos."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, zip_longest
from pathlib import Path

import msgspec

from schemas.events import Product
from stylecore.errors import Permanent
from workers.photos import is_picture

HERE = Path(__file__).resolve()
SAMPLE_FOLDERS = (HERE.parents[1] / "samples", HERE.parents[2] / "deploy" / "samples" / "photos")
"""In an installed package and in a clone."""
DEFAULT_LIMIT = 48


def sample_products() -> list[Product]:
    """The products that ship with the project. Raises Permanent where they do not."""
    for folder in SAMPLE_FOLDERS:
        catalogue = folder / "products.jsonl"
        if catalogue.exists():
            return [_sample(line, folder) for line in catalogue.read_text().splitlines()]
    raise Permanent("the sample photos are not installed; give --products FOLDER")


def folder_products(folder: Path, limit: int = DEFAULT_LIMIT) -> list[Product]:
    """At most `limit` photos of a folder, spread over its sub-folders, which are the categories.

    Raises Permanent where there is no photo.
    """
    by_category: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and is_picture(path):
            by_category[_category(path, folder)].append(path)
    turns = chain.from_iterable(zip_longest(*by_category.values()))
    chosen = [path for path in turns if path is not None][:limit]
    if not chosen:
        raise Permanent(f"no photos (jpg, png, webp, gif, bmp, tif) under {folder}")
    return [_product(path, folder, number) for number, path in enumerate(chosen, start=1)]


def _sample(line: str, folder: Path) -> Product:
    """A line of the catalogue: a product with `image`, its photo's place in the folder."""
    fields = msgspec.json.decode(line)
    fields["image_uri"] = str((folder / fields.pop("image")).resolve())
    return msgspec.convert(fields, Product)


def _product(path: Path, folder: Path, number: int) -> Product:
    category = _category(path, folder)
    return Product(
        product_id=f"{category}-{number:03d}".replace("/", "-"),
        title=f"{category.capitalize()} {path.stem.replace('_', ' ')}"[:200],
        category=category,
        image_uri=str(path.resolve()),
    )


def _category(path: Path, folder: Path) -> str:
    return path.relative_to(folder).parts[0] if path.parent != folder else "products"
