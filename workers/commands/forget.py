"""`stylecast forget USER`: erase a shopper from state, recommendations and the next factors.

A tombstone among the feedback asks for it, so that it is done in order with the shopper's events;
the preferences worker does it. Events that come later begin a new state.
"""

from __future__ import annotations

from typing import Annotated

import typer

from schemas.codec import InvalidEvent, decode_id
from schemas.topics import FEEDBACK
from stylecore.errors import Permanent
from workers.commands.printing import JsonFlag, print_json
from workers.settings import load_settings


def forget(
    user: Annotated[str, typer.Argument(help="The shopper's user_id.")],
    as_json: JsonFlag = False,
) -> None:
    """Ask the workers to forget a shopper. Past feedback itself ages out after 7 days."""
    from workers.kafka.producer import Publisher
    from workers.kafka.records import tombstone

    key = user.encode()
    try:
        decode_id(key)
    except InvalidEvent as problem:
        raise Permanent(f"{user!r} is no user id: {problem}") from problem
    settings = load_settings()
    with Publisher(settings, source="/stylecast/cli") as publisher:
        publisher.send_raw(tombstone(settings, FEEDBACK, key))
    if as_json:
        print_json({"user_id": user, "topic": FEEDBACK.name})
    else:
        typer.echo(f"asked to forget {user}, by a tombstone in {FEEDBACK.name}")
