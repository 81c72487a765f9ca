"""What shoppers do, from the page to feedback.events.v1; answered when Kafka has it.

A page sends a list of events as JSON, each with an event_id of its own, and sends it again until
it is answered: repeated, an event counts once. A form without JavaScript sends one event.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from schemas.events import Feedback
from schemas.topics import FEEDBACK
from workers.web import addresses
from workers.web.site import Site, WrongInput, id_of, site_of

Sent = Annotated[list[dict[str, Any]], msgspec.Meta(min_length=1, max_length=200)]
FIELDS = set(Feedback.__struct_fields__) - {"user_id", "occurred_at"}


async def feedback(request: Request) -> Response:
    """Publish what the shopper did. 202, or 303 back to the shop for a form."""
    site, user_id = site_of(request), id_of(request, "user")
    as_json = request.headers.get("content-type", "").startswith("application/json")
    now = site.clock()
    if as_json:
        sent = _sent(await request.body())
    else:
        async with request.form() as form:
            sent = [{name: text for name, text in form.items() if text}]
            sent[0].setdefault("event_id", f"form-{secrets.token_hex(12)}")
    events = [_event(site, user_id, fields, now) for fields in sent]
    await site.outbox.publish(FEEDBACK, events, now)
    if as_json:
        return JSONResponse({"taken": len(events)}, 202)
    return RedirectResponse(addresses.shop(user_id), 303)


def _sent(body: bytes) -> list[dict[str, Any]]:
    try:
        return msgspec.json.decode(body, type=Sent)
    except msgspec.DecodeError as problem:
        raise WrongInput(f"a JSON list of events is needed: {problem}") from problem


def _event(site: Site, user_id: str, fields: dict[str, Any], now: datetime) -> Feedback:
    """The event, at the server's time. Raises WrongInput."""
    given = {name: value for name, value in fields.items() if name in FIELDS}
    try:
        event = msgspec.convert(
            {**given, "user_id": user_id, "occurred_at": now}, Feedback, strict=False
        )
    except msgspec.ValidationError as problem:
        raise WrongInput(str(problem)) from problem
    if event.product_id not in site.tables.products:
        raise WrongInput(f"no product {event.product_id!r} is on sale")
    return event


ROUTES = [Route("/shop/{user}/feedback", feedback, methods=["POST"])]
