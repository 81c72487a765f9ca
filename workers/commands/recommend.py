"""`stylecast recommend USER`: what the storefront would read now."""

from __future__ import annotations

import threading
from typing import Annotated

import msgspec
import typer
from confluent_kafka import TopicPartition

from schemas.codec import decode
from schemas.events import Recommendations
from schemas.topics import RECOMMENDATIONS
from stylecore.errors import Permanent
from workers.commands.printing import JsonFlag, print_json, print_table
from workers.kafka.records import partition_of
from workers.kafka.table import TableReader, partitions_of
from workers.settings import Settings, load_settings

EVERYONE = "*"


def recommend(
    user: Annotated[str, typer.Argument(help="A user id, or * for a shopper nobody knows.")],
    as_json: JsonFlag = False,
) -> None:
    """Print a shopper's recommendations; those for everyone where the shopper is not known."""
    found = read_recommendations(load_settings(), user)
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    rows = [
        {
            "product": item.product_id,
            "style": item.style_id,
            "score": item.score,
            "propensity": item.propensity,
            "why": item.reason.text,
        }
        for item in found.items
    ]
    version = f"factors {found.factors_version}"
    print_table(f"For {found.user_id}, {found.generated_at:%Y-%m-%d %H:%M:%S}, {version}", rows)


def read_recommendations(settings: Settings, user: str) -> Recommendations:
    """The latest list of the user, or of everyone. Raises Permanent where there is neither."""
    places = partitions_of(settings, [RECOMMENDATIONS])
    for key in dict.fromkeys((user.encode(), EVERYONE.encode())):
        value = _latest(settings, places[partition_of(key, len(places))], key)
        if value is not None:
            return decode(Recommendations, value)
    raise Permanent(f"there are no recommendations for {user} yet, nor for everyone")


def _latest(settings: Settings, place: TopicPartition, key: bytes) -> bytes | None:
    reader = TableReader(settings, [place])
    latest = None
    try:
        for record in reader.read_to_end(threading.Event()):
            if record.key == key:
                latest = record.value
    finally:
        reader.close()
    return latest
