"""Every scenario that people walk through: what it is, where it is done, and where it is now.

The words of each stand under `scenarios.<name>`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workers.web import addresses
from workers.web.rendering import page, words_for
from workers.web.scenario_states import STATES
from workers.web.site import Site, site_of
from workers.web.words import Words

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
        ("go", addresses.product(shopper, product_id))
        for product_id in list(site.tables.products)[:1]
    ]
    poster = {"headline": words("scenarios.poster.headline"), "price": PRICE}
    brand = {"headline": words("scenarios.brand.headline"), "palette": BRAND}
    return {
        "shelf": [("go", "/shop")],
        "compare": [*compared, ("also", "/together")],
        "newcomer": [("go", "/console/products")],
        "campaign": [("go", _filled("/console/mixer", _campaign(site.clock(), words)))],
        "poster": [("go", _filled("/console/posters", poster))],
        "brand": [
            ("go", _filled("/console/posters", brand)),
            ("also", _filled("/console/mixer", {"palette": BRAND})),
        ],
        "classic": [("go", "/console/mixer#reference")],
        "demand": [("go", "/console/demand"), ("also", "/console/rejected")],
    }


def _campaign(now: datetime, words: Words) -> dict[str, str]:
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
