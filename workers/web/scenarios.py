"""The scenarios of a merchandiser: what each is, where it is done, and its present state in a line.

States are functions of what the topics say; the texts are under `scenarios.<name>` in words/.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.events import ORIGINAL
from workers.web import urls
from workers.web.console import coverage, demand_rows, newest_products, window_of
from workers.web.posters import state_of
from workers.web.site import Site, site_of
from workers.web.templates import Words, page, words_for

NAMED = 3
"""Styles that a line names; the others are counted."""
HEAD_START = timedelta(minutes=2)
"""From now to a campaign's start, so that its pictures are drawn when it starts."""
CAMPAIGN = timedelta(hours=1)
BRAND = "#0a3d62, #f8efba"
PRICE = "$24.90"
GUEST = "guest"


async def scenarios(request: Request) -> Response:
    """Show one section for each scenario."""
    site, words = site_of(request), words_for(request)
    states = states_of(site, words)
    sections = [
        {"name": name, "links": links, "state": states[name]}
        for name, links in links_of(site, words).items()
    ]
    return page(request, "console_scenarios.html", {"scenarios": sections})


def states_of(site: Site, words: Words) -> dict[str, str]:
    """Return the present state of each scenario in a line."""
    tables = site.tables
    covered, _ = coverage(tables)
    requests = tables.requests.values()
    poster_states = Counter(state_of(it, tables, site.counters)[0] for it in requests)
    classics = [
        words("scenarios.classic.state", label=style.label, drawn=covered[style.style_id])
        for style in tables.styles.values()
        if style.reference_uri
    ]
    newcomer, waiting = words("scenarios.newcomer.none"), words("demand.none")
    for row in newest_products(tables, site.generators, 1):
        title, drawn, rejected = row["product"].title, row["drawn"], row["rejected"]
        newcomer = words("scenarios.newcomer.state", title=title, drawn=drawn, rejected=rejected)
    if demanded := demand_rows(tables, site.counters, words):
        title, label = demanded[0]["title"], demanded[0]["label"]
        count = len(demanded)
        waiting = words("scenarios.demand.state", count=count, title=title, label=label)
    return {
        "shelf": words("scenarios.shelf.state", count=tables.lists.shoppers),
        "compare": words(
            "scenarios.compare.state",
            products=len(tables.products),
            pictures=covered.total() - covered[ORIGINAL],
        ),
        "newcomer": newcomer,
        "campaign": _joined(_campaigns(site, words), words) or words("scenarios.campaign.none"),
        "poster": words(
            "scenarios.poster.state",
            **{state: poster_states[state] for state in ("rendered", "waiting", "refused")},
        ),
        "brand": words(
            "scenarios.brand.state",
            logos=sum(it.logo_uri is not None for it in requests),
            palettes=sum(it.palette is not None for it in requests),
        ),
        "classic": _joined(classics, words) or words("scenarios.classic.none"),
        "demand": waiting,
    }


def _campaigns(site: Site, words: Words) -> list[str]:
    """Return a line for each campaign that runs, then for each that is planned."""
    lines: dict[str | None, list[str]] = {"running": [], "planned": []}
    for style in site.tables.styles.values():
        window = window_of(style, site.clock())
        if style.campaign is not None and window in lines:
            start, end = (
                f"{at:%Y-%m-%d %H:%M}" for at in (style.campaign.starts_at, style.campaign.ends_at)
            )
            line = words(f"scenarios.campaign.{window}", label=style.label, start=start, end=end)
            lines[window].append(line)
    return [*lines["running"], *lines["planned"]]


def _joined(lines: Sequence[str], words: Words) -> str:
    more = [words("scenarios.more", count=len(lines) - NAMED)] if len(lines) > NAMED else []
    return " · ".join([*lines[:NAMED], *more])


def links_of(site: Site, words: Words) -> dict[str, list[tuple[str, str]]]:
    """Return the links of each scenario, in the order of the page.

    A link is the end of its words' key, and an address whose form is filled in as far as possible.
    """
    shopper = next(iter(site.tables.lists.latest_shoppers(1)), GUEST)
    compared = [
        ("go", urls.product(shopper, product_id)) for product_id in list(site.tables.products)[:1]
    ]
    starts = site.clock() + HEAD_START
    campaign = {
        "share.neon": "70",
        "share.pop-art": "30",
        "label": words("scenarios.campaign.label"),
        "style_id": f"campaign-{starts:%m%d-%H%M}",
        "starts_at": f"{starts:%Y-%m-%dT%H:%M}",
        "ends_at": f"{starts + CAMPAIGN:%Y-%m-%dT%H:%M}",
        "priority": "50",
    }
    poster = {"headline": words("scenarios.poster.headline"), "price": PRICE}
    brand = {"headline": words("scenarios.brand.headline"), "palette": BRAND}
    return {
        "shelf": [("go", "/shop")],
        "compare": [*compared, ("also", "/together")],
        "newcomer": [("go", "/console/products")],
        "campaign": [("go", f"/console/mixer?{urlencode(campaign)}")],
        "poster": [("go", f"/console/posters?{urlencode(poster)}")],
        "brand": [
            ("go", f"/console/posters?{urlencode(brand)}"),
            ("also", f"/console/mixer?{urlencode({'palette': BRAND})}"),
        ],
        "classic": [("go", "/console/mixer#reference")],
        "demand": [("go", "/console/demand"), ("also", "/console/rejected")],
    }


ROUTES = [Route("/console/scenarios", scenarios)]
