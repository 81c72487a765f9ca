"""The scenarios of a merchandiser: what each is, where it is done, and its present state in a line.

States are functions of what the topics say; the texts are under `scenarios.<name>` in words/.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.events import ORIGINAL
from workers.web import urls
from workers.web.console import coverage, demand_rows, window_of
from workers.web.new_products import newcomers
from workers.web.posters import state_of
from workers.web.site import Site, site_of
from workers.web.templates import Words, page, words_for

MANY = 10_000
NAMED = 3
"""Styles that a line names; the others are counted."""


def _shelf(site: Site, words: Words) -> str:
    return words("scenarios.shelf.state", count=site.tables.lists.shoppers)


def _compare(site: Site, words: Words) -> str:
    covered, _ = coverage(site.tables)
    products, pictures = len(site.tables.products), covered.total() - covered[ORIGINAL]
    return words("scenarios.compare.state", products=products, pictures=pictures)


def _newcomer(site: Site, words: Words) -> str:
    for row in newcomers(site.tables, site.generators, 1):
        title, drawn, rejected = row.product.title, row.drawn, row.rejected
        return words("scenarios.newcomer.state", title=title, drawn=drawn, rejected=rejected)
    return words("scenarios.newcomer.none")


def _campaign_state(site: Site, words: Words) -> str:
    told: dict[str | None, list[str]] = {"running": [], "planned": []}
    for style in site.tables.styles.values():
        window = window_of(style, site.clock())
        if style.campaign is not None and window in told:
            start, end = (
                f"{at:%Y-%m-%d %H:%M}" for at in (style.campaign.starts_at, style.campaign.ends_at)
            )
            line = words(f"scenarios.campaign.{window}", label=style.label, start=start, end=end)
            told[window].append(line)
    return _joined([*told["running"], *told["planned"]], words) or words("scenarios.campaign.none")


def _poster(site: Site, words: Words) -> str:
    requests = site.tables.requests.values()
    states = Counter(state_of(it, site.tables, site.counters)[0] for it in requests)
    counts = {state: states[state] for state in ("rendered", "waiting", "refused")}
    return words("scenarios.poster.state", **counts)


def _brand(site: Site, words: Words) -> str:
    logos = sum(it.logo_uri is not None for it in site.tables.requests.values())
    palettes = sum(it.palette is not None for it in site.tables.requests.values())
    return words("scenarios.brand.state", logos=logos, palettes=palettes)


def _classic(site: Site, words: Words) -> str:
    covered, _ = coverage(site.tables)
    told = [
        words("scenarios.classic.state", label=style.label, drawn=covered[style.style_id])
        for style in site.tables.styles.values()
        if style.reference_uri
    ]
    return _joined(told, words) or words("scenarios.classic.none")


def _demand(site: Site, words: Words) -> str:
    waiting = demand_rows(site.tables, site.counters, words, MANY)
    if not waiting:
        return words("demand.none")
    title, label = waiting[0].title, waiting[0].label
    return words("scenarios.demand.state", count=len(waiting), title=title, label=label)


def _joined(told: list[str], words: Words) -> str:
    more = [words("scenarios.more", count=len(told) - NAMED)] if len(told) > NAMED else []
    return " · ".join([*told[:NAMED], *more])


STATES: dict[str, Callable[[Site, Words], str]] = {
    "shelf": _shelf,
    "compare": _compare,
    "newcomer": _newcomer,
    "campaign": _campaign_state,
    "poster": _poster,
    "brand": _brand,
    "classic": _classic,
    "demand": _demand,
}
"""By scenario, in the order of the page."""


HEAD_START = timedelta(minutes=2)
"""From now to a campaign's start, so that its pictures are drawn when it starts."""
CAMPAIGN = timedelta(hours=1)
BRAND = "#0a3d62, #f8efba"
PRICE = "$24.90"
GUEST = "guest"


@dataclass(frozen=True)
class Scenario:
    """A section; a link is the end of its words' key and the address."""

    name: str
    links: list[tuple[str, str]]
    state: str


async def scenarios(request: Request) -> Response:
    """One section for each."""
    site, words = site_of(request), words_for(request)
    links = _links(site, words)
    found = [Scenario(name, links[name], state(site, words)) for name, state in STATES.items()]
    return page(request, "console_scenarios.html", {"scenarios": found})


def _links(site: Site, words: Words) -> dict[str, list[tuple[str, str]]]:
    """Where each scenario is done, the forms filled in as far as they can be."""
    shopper = next(iter(site.tables.lists.latest_shoppers(1)), GUEST)
    compared = [
        ("go", urls.product(shopper, product_id)) for product_id in list(site.tables.products)[:1]
    ]
    poster = {"headline": words("scenarios.poster.headline"), "price": PRICE}
    brand = {"headline": words("scenarios.brand.headline"), "palette": BRAND}
    return {
        "shelf": [("go", "/shop")],
        "compare": [*compared, ("also", "/together")],
        "newcomer": [("go", "/console/products")],
        "campaign": [("go", _filled("/console/mixer", _campaign_fields(site.clock(), words)))],
        "poster": [("go", _filled("/console/posters", poster))],
        "brand": [
            ("go", _filled("/console/posters", brand)),
            ("also", _filled("/console/mixer", {"palette": BRAND})),
        ],
        "classic": [("go", "/console/mixer#reference")],
        "demand": [("go", "/console/demand"), ("also", "/console/rejected")],
    }


def _campaign_fields(now: datetime, words: Words) -> dict[str, str]:
    starts = now + HEAD_START
    return {
        "share.neon": "70",
        "share.pop-art": "30",
        "label": words("scenarios.campaign.label"),
        "style_id": f"campaign-{starts:%m%d-%H%M}",
        "starts_at": f"{starts:%Y-%m-%dT%H:%M}",
        "ends_at": f"{starts + CAMPAIGN:%Y-%m-%dT%H:%M}",
        "priority": "50",
    }


def _filled(path: str, fields: dict[str, str]) -> str:
    return f"{path}?{urlencode(fields)}"


ROUTES = [Route("/console/scenarios", scenarios)]
