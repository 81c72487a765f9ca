"""What the campaigns make of the shop's styles, from one edge of their windows to the next.

The same styles give the same season at every moment between two edges, so that whoever holds one
need only look at the clock. Which pictures exist is not known here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from schemas.catalog import Style
from stylecore.arrays import Bools, Doubles
from stylecore.campaign import in_window, is_standing, odds_factor
from stylecore.catalogue import EVER, Catalogue

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Season:
    """The campaigns' windows as they stand from `since` until just before `until`."""

    since: datetime
    """The last edge of a window; EVER where none has passed."""
    until: datetime
    """The next edge; NEVER where none is to come."""
    shown_until: datetime
    """When the first of the themes that are shown now must be gone; NEVER without one."""
    running: tuple[tuple[str, float], ...]
    """Styles within their window, by id, and what their odds are multiplied by."""
    closed: frozenset[str]
    """Styles made for a campaign that are outside their window."""

    def holds(self, now: datetime) -> bool:
        """Whether no edge lies between this season and `now`."""
        return self.since <= now < self.until


def season_of(styles: Collection[Style], now: datetime, weight: float) -> Season:
    """The season at `now`; `weight` is a campaign's of priority 0."""
    themes = [(style, style.campaign) for style in styles if style.campaign is not None]
    edges = [edge for _, window in themes for edge in (window.starts_at, window.ends_at)]
    ends = [
        window.ends_at
        for style, window in themes
        if in_window(style, now) and not is_standing(style)
    ]
    running = [style for style, _ in themes if in_window(style, now)]
    return Season(
        since=max((edge for edge in edges if edge <= now), default=EVER),
        until=min((edge for edge in edges if edge > now), default=NEVER),
        shown_until=min(ends, default=NEVER),
        running=tuple(
            sorted((style.style_id, odds_factor(style, now, weight)) for style in running)
        ),
        closed=frozenset(
            style.style_id
            for style in styles
            if not is_standing(style) and not in_window(style, now)
        ),
    )


def offered(catalogue: Catalogue, season: Season) -> Bools:
    """In which styles each product may be shown, whether drawn or not, [P, K]."""
    offers = np.ones(catalogue.available.shape, dtype=np.bool_)
    for style_id, style in catalogue.styles.items():
        column = catalogue.column_of.get(style_id)
        if column is None:
            continue
        if style_id in season.closed:
            offers[:, column] = False
        elif style.categories:
            codes = [catalogue.category_code_of.get(name, -1) for name in style.categories]
            offers[:, column] = np.isin(catalogue.category_codes, codes)
    return offers


def in_season(shares: Doubles, catalogue: Catalogue, season: Season) -> Doubles:
    """The styles' shares [C, K] with the running campaigns': a theme's is multiplied by its factor.

    One that hardly anybody has seen has hardly a share to multiply: at least the average style's
    counts.
    """
    themed = shares.copy()
    for style_id, factor in season.running:
        column = catalogue.column_of.get(style_id)
        if column is not None:
            themed[:, column] = np.maximum(shares[:, column], 1 / shares.shape[1]) * factor
    return themed
