"""Server-sent events: an open page learns within milliseconds that its shopper's list is another.

The stream tells which list it is and nothing else; the page then asks for the shelf, in its own
language. What is the present list is told first, so that nothing is missed between two streams.
Stream and shelf may come from two instances: whose list it is and its offset say which is newer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from stylecore.recommender.recommend import EVERYONE
from workers.web.site import Site, id_of, site_of

STILL_HERE_SECONDS = 15.0
"""Between two signs of life, so that proxies keep the stream and its end is noticed."""


async def changes(request: Request) -> Response:
    """The ids of the shopper's lists, each as soon as it comes."""
    stream = ids_of_lists(site_of(request), id_of(request, "user"))
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def ids_of_lists(site: Site, user_id: str) -> AsyncIterator[str]:
    """The stream's text, until the server stops."""
    told = None
    yield "retry: 500\n\n"
    with site.watchers.watch(user_id, EVERYONE) as changed:
        while not site.watchers.closed:
            changed.clear()
            found = site.list_for(user_id)
            if found is not None and found.recommendation_id != told:
                told = found.recommendation_id
                place = {
                    "list": told,
                    "of": found.user_id,
                    "at": site.tables.lists.offset_of(found),
                }
                yield f"event: shelf\ndata: {json.dumps(place)}\n\n"
            try:
                await asyncio.wait_for(changed.wait(), STILL_HERE_SECONDS)
            except TimeoutError:
                yield ": still here\n\n"


ROUTES = [Route("/shop/{user}/changes", changes)]
