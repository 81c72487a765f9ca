"""Where each scenario is now, in one line: functions of what the topics say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from schemas.events import ORIGINAL
from workers.web.console_view import demand_rows
from workers.web.newcomers import newcomers
from workers.web.poster_view import state_of
from workers.web.site import Site
from workers.web.style_view import coverage, window_of
from workers.web.words import Words

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


def _campaign(site: Site, words: Words) -> str:
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
    states = Counter(state_of(it, site.tables, site.journal)[0] for it in requests)
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
    waiting = demand_rows(site.tables, site.journal, words, MANY)
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
    "campaign": _campaign,
    "poster": _poster,
    "brand": _brand,
    "classic": _classic,
    "demand": _demand,
}
"""By scenario, in the order of the page."""
