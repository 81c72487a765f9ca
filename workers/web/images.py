"""Routes of the pictures: what the tables name, in the browser's format and size."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workers.web.pictures import media_type_for, version_of, width_for
from workers.web.shop import picture_uri, picture_version
from workers.web.site import id_of, site_of
from workers.web.templates import NotFound

FOR_GOOD_SECONDS = 365 * 24 * 3600
AT_ONCE = asyncio.Semaphore(4)
"""Pictures in the making: more would only wait for the processor."""


async def picture(request: Request) -> Response:
    """A product in a style."""
    tables = site_of(request).tables
    product_id, style_id = id_of(request, "product"), id_of(request, "style")
    uri = picture_uri(tables, product_id, style_id)
    version = picture_version(tables, product_id, style_id, uri) if uri else None
    return await answer_with(request, uri, version)


async def rejected(request: Request) -> Response:
    """A render that was not published."""
    pair = (id_of(request, "product"), id_of(request, "style"))
    found = site_of(request).tables.rejected.get(pair)
    return await answer_with(request, found.image_uri if found else None)


async def answer_with(request: Request, uri: str | None, version: str | None = None) -> Response:
    """The picture at an address of ours; kept by browsers for good where the version is right.

    Raises NotFound, Permanent, Transient.
    """
    if uri is None:
        raise NotFound("missing.picture")
    version = version or version_of(uri)
    media_type = media_type_for(request.headers.get("accept", ""))
    width = width_for(request.query_params.get("w", ""))
    site = site_of(request)
    async with AT_ONCE:
        data = await asyncio.to_thread(site.pictures.small, uri, width, media_type, version)
    # The second stands in pages that were opened before the photo was rendered.
    is_lasting = request.query_params.get("v") in (version, version_of(uri))
    keep = f"{site.kept(FOR_GOOD_SECONDS)}, immutable" if is_lasting else "private, no-cache"
    headers = {"Cache-Control": keep, "Vary": "Accept"}
    return Response(data, media_type=media_type, headers=headers)


ROUTES = [
    Route("/pictures/{product}/{style}", picture),
    Route("/rejected/{product}/{style}", rejected),
]
