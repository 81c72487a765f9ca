"""The demo's products: those that ship, or anyone's folder of photos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TypeVar

import msgspec

from schemas.events import Product
from stylecore.errors import Permanent
from stylecore.imaging.photo import MIN_SIDE, NotAPhoto, read_picture
from workers.photos import PHOTO_KINDS, NotTaken, check_kind, files_below

T = TypeVar("T")

HERE = Path(__file__).resolve()
SAMPLE_FOLDERS = (HERE.parents[1] / "samples", HERE.parents[2] / "deploy" / "samples" / "photos")
"""In an installed package and in a clone."""
DEFAULT_LIMIT = 48
MAX_PIXELS = 50_000_000


def sample_products(limit: int = DEFAULT_LIMIT) -> list[Product]:
    """At most `limit` of the products that ship with the project, spread over their categories.

    Raises Permanent where they do not ship.
    """
    for folder in SAMPLE_FOLDERS:
        catalogue = folder / "products.jsonl"
        if catalogue.exists():
            found = [_sample(line, folder) for line in catalogue.read_text().splitlines()]
            if limit >= len(found):
                return found
            by_category: dict[str, list[Product]] = defaultdict(list)
            for product in found:
                by_category[product.category].append(product)
            return list(islice(_in_turns(by_category.values()), limit))
    raise Permanent("the sample photos are not installed; give --products FOLDER")


def folder_products(
    folder: Path, limit: int = DEFAULT_LIMIT, tell: Callable[[str], None] = print
) -> list[Product]:
    """At most `limit` photos of a folder, spread over its sub-folders, which are the categories.

    Each file that would be one and cannot be read is told of. Raises Permanent where there is no
    photo.
    """
    by_category: dict[str, list[Path]] = defaultdict(list)
    for path in files_below(folder):
        by_category[_category(path, folder)].append(path)
    readable = (path for path in _in_turns(by_category.values()) if _is_readable(path, tell))
    chosen = list(islice(readable, limit))
    if not chosen:
        raise Permanent(f"no photos ({PHOTO_KINDS}) under {folder}")
    return [_product(path, folder, number) for number, path in enumerate(chosen, start=1)]


def _in_turns(groups: Iterable[Sequence[T]]) -> Iterator[T]:
    """The first of each group, then the second of each, and so on."""
    turns = chain.from_iterable(zip_longest(*groups))
    return (item for item in turns if item is not None)


def _is_readable(path: Path, tell: Callable[[str], None]) -> bool:
    try:
        check_kind(path)
        read_picture(path.read_bytes(), max_pixels=MAX_PIXELS, short_side=MIN_SIDE)
    except NotTaken as problem:
        tell(str(problem))
    except (OSError, NotAPhoto) as problem:
        tell(f"{path}: {problem}")
    else:
        return True
    return False


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
