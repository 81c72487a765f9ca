"""The demo's mistakes: what goes wrong in a real shop, to be found in the dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from schemas.codec import encode
from schemas.events import Feedback, Product
from schemas.topics import FEEDBACK, PRODUCTS
from workers.kafka.producer import Publisher
from workers.kafka.records import Output

BAD_PRODUCTS = ("no-photo", "text-as-photo")


def bad_products(folder: Path) -> list[Product]:
    """A product whose photo is missing, and one whose photo is a text."""
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
    """Records that are no events or about nothing, and one with a wrong key, which is forwarded."""
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
