"""The merchandiser's console: how styles do, what was rejected, what failed, what waits."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from workers.web.console_view import demand_rows, rejected_rows
from workers.web.problems import NotFound
from workers.web.rendering import page, words_for
from workers.web.site import id_of, site_of
from workers.web.style_view import style_rows

SHOWN = 200
DAY_SECONDS = 24 * 3600


async def styles(request: Request) -> Response:
    """Every style with its swatch, coverage and click rate."""
    site = site_of(request)
    rows = style_rows(site.tables, site.journal, words_for(request), site.generators, site.clock())
    told = {name: request.query_params.get(name, "") for name in ("published", "withdrawn")}
    view = {"rows": rows, "products": len(site.tables.products), **told}
    return page(request, "console_styles.html", view)


async def rejected(request: Request) -> Response:
    """Renders that the gate kept back, and styles that could not be drawn."""
    rows = rejected_rows(site_of(request).tables, words_for(request), SHOWN)
    return page(request, "console_rejected.html", {"rows": rows})


async def letters(request: Request) -> Response:
    """Dead letters, the newest first."""
    kept = list(reversed(site_of(request).journal.letters.items()))[:SHOWN]
    rows = [
        (topic, letter, (letter.record.key or b"").decode(errors="replace"))
        for (topic, _), letter in kept
    ]
    return page(request, "console_letters.html", {"rows": rows})


async def demand(request: Request) -> Response:
    """What shoppers want and nobody has drawn yet."""
    site = site_of(request)
    rows = demand_rows(site.tables, site.journal, words_for(request), SHOWN)
    return page(request, "console_demand.html", {"rows": rows})


async def swatch(request: Request) -> Response:
    """A generator's style on the picture that ships with it."""
    site, wanted = site_of(request), id_of(request, "style")
    for style in site.manifest.styles:
        if style.style_id == wanted:
            path = site.settings.stylize.generator / style.swatch
            return FileResponse(path, headers={"Cache-Control": site.kept(DAY_SECONDS)})
    raise NotFound("missing.style", style=wanted)


ROUTES = [
    Route("/console", styles),
    Route("/console/rejected", rejected),
    Route("/console/dead-letters", letters),
    Route("/console/demand", demand),
    Route("/swatches/{style}", swatch),
]
