"""Feedback from the shop's pages, and the stream that tells a page of a new list.

- POST /shop/{user}/feedback takes a JSON list of events, each with an event_id of its own, and
  answers when Kafka has acknowledged them; a page repeats it until then, and a repeated event_id
  counts once. An invalid event is refused by itself, with the reason; the others are taken. A form
  without JavaScript sends one event.
- GET /shop/{user}/changes sends the id of the shopper's list, first the present one, then each new
  one (server-sent events). The page then asks for the list in its own language. Stream and list may
  come from two instances: owner and offset tell which is newer.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from schemas.events import Feedback
from schemas.topics import FEEDBACK
from stylecore.recommender.recommend import EVERYONE
from workers.web import urls
from workers.web.site import Site, id_of, site_of
from workers.web.templates import WrongInput, words_for

Fields = dict[str, Any]
Sent = Annotated[list[Fields], msgspec.Meta(min_length=1, max_length=200)]
FIELDS = set(Feedback.__struct_fields__) - {"user_id", "occurred_at"}


async def feedback(request: Request) -> Response:
    """Publish what the shopper did.

    A page's script gets 202 with how many were taken and which were refused, or 422 where none was
    taken; a form gets 303 back to the shop.
    """
    site, user_id = site_of(request), id_of(request, "user")
    now = site.clock()
    if not request.headers.get("content-type", "").startswith("application/json"):
        async with request.form() as form:
            fields: Fields = {name: text for name, text in form.items() if text}
        fields.setdefault("event_id", f"form-{secrets.token_hex(12)}")
        await site.outbox.publish(FEEDBACK, [_event(site, user_id, fields, now)], now)
        return RedirectResponse(urls.shop(user_id), 303)
    try:
        sent = msgspec.json.decode(await request.body(), type=Sent)
    except msgspec.DecodeError as problem:
        raise WrongInput("wrong.events", detail=problem) from problem
    events, refused = [], []
    for fields in sent:
        try:
            events.append(_event(site, user_id, fields, now))
        except WrongInput as problem:
            why = problem.in_words(words_for(request))
            refused.append({"event_id": fields.get("event_id"), "why": why})
    await site.outbox.publish(FEEDBACK, events, now)
    return JSONResponse({"taken": len(events), "refused": refused}, 202 if events else 422)


def _event(site: Site, user_id: str, fields: Fields, now: datetime) -> Feedback:
    """Return the event, at the server's time. Raises WrongInput."""
    given = {name: value for name, value in fields.items() if name in FIELDS}
    try:
        event = msgspec.convert(
            {**given, "user_id": user_id, "occurred_at": now}, Feedback, strict=False
        )
    except msgspec.ValidationError as problem:
        raise WrongInput("wrong.detail", detail=problem) from problem
    if event.product_id not in site.tables.products:
        raise WrongInput("missing.product", product=event.product_id)
    style_id = event.style_id
    if style_id and not site.tables.has_style(event.product_id, style_id, site.generators):
        raise WrongInput("missing.style", style=style_id)
    return event


KEEP_ALIVE_SECONDS = 15.0
"""Between two comments in a stream, so that proxies keep it and its end is noticed."""


async def changes(request: Request) -> Response:
    """Stream the ids of the shopper's lists, each as soon as it comes."""
    stream = ids_of_lists(site_of(request), id_of(request, "user"))
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def ids_of_lists(site: Site, user_id: str) -> AsyncIterator[str]:
    """Yield the stream's text, until the server stops."""
    sent = None
    yield "retry: 500\n\n"
    with site.watchers.watch(user_id, EVERYONE) as changed:
        while not site.watchers.closed:
            changed.clear()
            found = site.list_for(user_id)
            if found is not None and found.recommendation_id != sent:
                sent = found.recommendation_id
                place = {
                    "list": sent,
                    "of": found.user_id,
                    "at": site.tables.lists.offset_of(found),
                }
                yield f"event: shelf\ndata: {json.dumps(place)}\n\n"
            try:
                await asyncio.wait_for(changed.wait(), KEEP_ALIVE_SECONDS)
            except TimeoutError:
                yield ": still here\n\n"


ROUTES = [
    Route("/shop/{user}/feedback", feedback, methods=["POST"]),
    Route("/shop/{user}/changes", changes),
]
