"""Inputs of the demo: products that ship or of a folder, bad inputs, and drawn pictures.

The bad inputs are mistakes of real shops, to be found among the dead letters.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TypeVar

import msgspec
from PIL import Image, ImageDraw

from schemas.codec import encode
from schemas.events import Feedback, Product
from schemas.topics import FEEDBACK, PRODUCTS
from stylecore.errors import Permanent
from stylecore.imaging.photo import MIN_SIDE, NotAPhoto, read_picture
from workers.kafka.producer import Publisher
from workers.kafka.records import Output
from workers.pictures import PHOTO_KINDS, NotTaken, check_kind, files_below

T = TypeVar("T")

HERE = Path(__file__).resolve()
SAMPLE_FOLDERS = (HERE.parents[1] / "samples", HERE.parents[2] / "deploy" / "samples" / "photos")
"""In an installed package and in a clone."""
DEFAULT_LIMIT = 48
MAX_PIXELS = 50_000_000


def sample_products(limit: int = DEFAULT_LIMIT) -> list[Product]:
    """Return at most `limit` of the shipped products, spread over their categories.

    Raises Permanent where they do not ship.
    """
    for folder in SAMPLE_FOLDERS:
        catalogue = folder / "products.jsonl"
        if catalogue.exists():
            found = []
            for line in catalogue.read_text().splitlines():
                fields = msgspec.json.decode(line)
                fields["image_uri"] = str((folder / fields.pop("image")).resolve())
                found.append(msgspec.convert(fields, Product))
            if limit >= len(found):
                return found
            by_category: dict[str, list[Product]] = defaultdict(list)
            for product in found:
                by_category[product.category].append(product)
            return list(islice(_in_turns(by_category.values()), limit))
    raise Permanent("the sample photos are not installed; give --products FOLDER")


def folder_products(
    folder: Path, limit: int = DEFAULT_LIMIT, report: Callable[[str], None] = print
) -> list[Product]:
    """Return at most `limit` photos of a folder, spread over its sub-folders, the categories.

    A file that cannot be read is passed to `report`. Raises Permanent where there is no photo.
    """
    by_category: dict[str, list[Path]] = defaultdict(list)
    for path in files_below(folder):
        by_category[_category(path, folder)].append(path)
    readable = (path for path in _in_turns(by_category.values()) if _is_readable(path, report))
    chosen = list(islice(readable, limit))
    if not chosen:
        raise Permanent(f"no photos ({PHOTO_KINDS}) under {folder}")
    return [
        Product(
            product_id=f"{category}-{number:03d}".replace("/", "-"),
            title=f"{category.capitalize()} {path.stem.replace('_', ' ')}"[:200],
            category=category,
            image_uri=str(path.resolve()),
        )
        for number, path in enumerate(chosen, start=1)
        for category in [_category(path, folder)]
    ]


def _in_turns(groups: Iterable[Sequence[T]]) -> Iterator[T]:
    """Yield the first of each group, then the second of each, and so on."""
    turns = chain.from_iterable(zip_longest(*groups))
    return (item for item in turns if item is not None)


def _is_readable(path: Path, report: Callable[[str], None]) -> bool:
    try:
        check_kind(path)
        read_picture(path.read_bytes(), max_pixels=MAX_PIXELS, short_side=MIN_SIDE)
    except NotTaken as problem:
        report(str(problem))
    except (OSError, NotAPhoto) as problem:
        report(f"{path}: {problem}")
    else:
        return True
    return False


def _category(path: Path, folder: Path) -> str:
    return path.relative_to(folder).parts[0] if path.parent != folder else "products"


BAD_PRODUCTS = ("no-photo", "text-as-photo")


def bad_products(folder: Path) -> list[Product]:
    """Return a product whose photo is missing, and one whose photo is a text."""
    text = folder / "text.jpg"
    folder.mkdir(parents=True, exist_ok=True)
    text.write_text("This is a text, whatever its name says.\n")
    return [
        Product(
            product_id=product_id,
            title="Mistake of the demo",
            category="mistakes",
            image_uri=str(photo),
        )
        for product_id, photo in zip(BAD_PRODUCTS, (folder / "missing.jpg", text), strict=True)
    ]


def bad_records(publisher: Publisher, now: datetime, product_id: str) -> Iterator[Output]:
    """Yield records that are no events or about nothing, and one with a wrong key."""
    unknown = Feedback(
        event_id="mistake-1",
        user_id="mistaken",
        kind="click",
        product_id="nothing",
        occurred_at=now,
    )
    stray = Feedback(
        event_id="mistake-2", user_id="astray", kind="click", product_id=product_id, occurred_at=now
    )
    products, feedback = publisher.topic(PRODUCTS), publisher.topic(FEEDBACK)
    yield Output(topic=products, key=b"broken", value=b"this is not JSON")
    yield Output(topic=feedback, key=b"broken", value=b'{"event_id": "half a rec')
    yield Output(topic=feedback, key=b"mistaken", value=encode(unknown))
    yield Output(topic=feedback, key=b"someone-else", value=encode(stray))


EXPECTED_DEAD_LETTERS = len(BAD_PRODUCTS) + 3


SIDE = 512
LINE = 14
PAPER, INK = "#f2efe6", "#1a1a1a"
FIELDS = (
    ((0, 0, 180, 300), "#c8102e"),
    ((330, 0, 512, 120), "#f6c700"),
    ((330, 380, 512, 512), "#1d4e9e"),
    ((0, 430, 90, 512), "#f6c700"),
)
"""Of a composition after the manner of De Stijl."""
LINES = (
    (180, 0, 180, 512),
    (330, 0, 330, 512),
    (0, 300, 512, 300),
    (330, 120, 512, 120),
    (330, 380, 512, 380),
    (0, 430, 180, 430),
    (90, 430, 90, 512),
)


def classic_work() -> bytes:
    """Draw a composition of lines and fields in primary colours, PNG."""
    picture = Image.new("RGB", (SIDE, SIDE), PAPER)
    canvas = ImageDraw.Draw(picture)
    for box, colour in FIELDS:
        canvas.rectangle(box, colour)
    for line in LINES:
        canvas.line(line, INK, LINE)
    return _png(picture)


def logo(colours: Sequence[str]) -> bytes:
    """Draw a disc and two bars in the first colours on a transparent ground, PNG."""
    picture = Image.new("RGBA", (240, 80), (0, 0, 0, 0))
    canvas = ImageDraw.Draw(picture)
    canvas.ellipse((0, 0, 79, 79), colours[-1])
    canvas.rectangle((96, 12, 239, 35), colours[1 % len(colours)])
    canvas.rectangle((96, 46, 190, 69), colours[1 % len(colours)])
    return _png(picture)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
