"""The catalogue: products by row, styles by column, which renders exist, and campaign schedules.

`Catalogue` follows the product, style and image topics record by record, in any order; a change
costs microseconds however many products there are. Rows and columns are never reused, so that
arrays made from an older state stay aligned. Column 0 is the photo itself (`original`).

A style made for a campaign is offered from the campaign's start, inclusive, to its end, exclusive.
A generator style that a campaign names is always offered, and preferred within the window.
`CampaignSchedule` holds what that means for all styles; it is the same at every moment between two
edges of the windows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import numpy as np

from schemas.events import ORIGINAL, Product, Style, StylizedImage
from stylecore.arrays import Bools, Doubles, Ints, Unsigned

HIGHEST_PRIORITY = 100
"""Of a campaign, by its contract."""


def is_standing(style: Style) -> bool:
    """Return whether the style is always on offer: without a campaign, or the generator's own."""
    return style.campaign is None or style.weights == {style.style_id: 1.0}


def in_window(style: Style, now: datetime, lead: timedelta = timedelta(0)) -> bool:
    """Return whether the campaign runs at `now` or starts within `lead`; False without one."""
    campaign = style.campaign
    # The difference of two times always fits; a time less a lead may lie before year 1.
    return campaign is not None and campaign.starts_at - now <= lead and now < campaign.ends_at


def odds_factor(style: Style, now: datetime, weight: float) -> float:
    """Return what the style's odds are multiplied by: 1 outside the window.

    Within it `weight`, at least 1, at priority 0, and up to its square at the highest.
    """
    if style.campaign is None or not in_window(style, now):
        return 1.0
    return float(weight ** (1.0 + style.campaign.priority / HIGHEST_PRIORITY))


ORIGINAL_COLUMN = 0
EVER = datetime.min.replace(tzinfo=UTC)


def key_of(*parts: str) -> int:
    """Return a 64-bit hash of the parts, the same in every process."""
    digest = blake2b("/".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


class Catalogue:
    """The state of the catalogue topics, P rows and K columns; one thread at a time."""

    def __init__(self) -> None:
        self.row_of: dict[str, int] = {}
        self.column_of: dict[str, int] = {}
        self.category_code_of: dict[str, int] = {}
        self.styles: dict[str, Style] = {}
        """Those that merchandisers have published; pictures may be in others too."""
        self.product_ids: list[str] = []
        self.titles: list[str] = []
        self.source_sha256: list[str | None] = []
        """By row: of the photo that the product was last drawn from; None before that."""
        self.images: list[dict[int, str]] = []
        """By row: column -> address. A row's dictionary is replaced, never changed."""
        self.changes = 0
        """Counts changes, so that readers can detect them."""
        self._redrawn: dict[str, datetime] = {}
        """Products whose pictures are others than before, by id, and since when."""
        self._available = np.zeros((64, 8), dtype=np.bool_)
        self._present = np.zeros(64, dtype=np.bool_)
        self._categories = np.zeros(64, dtype=np.int64)
        self._keys = np.zeros(64, dtype=np.uint64)
        self._column(ORIGINAL)

    def put_product(self, product: Product) -> None:
        """Add or change a product: from now on it can be recommended."""
        row = self._row(product.product_id)
        codes = self.category_code_of
        self._categories[row] = codes.setdefault(product.category, len(codes))
        self._present[row] = True
        self.titles[row] = product.title
        self._put_image(row, ORIGINAL_COLUMN, product.image_uri)

    def remove_product(self, product_id: str) -> None:
        """Take a product off sale; its renders, now orphans, are ignored."""
        row = self.row_of.get(product_id)
        if row is not None:
            self._present[row] = False
            self.changes += 1

    def put_style(self, style: Style) -> None:
        """Add or change a style: in which categories and when its pictures may be shown."""
        self.styles[style.style_id] = style
        self.changes += 1

    def remove_style(self, style_id: str) -> None:
        """Withdraw a style. One made for a campaign keeps its window: its pictures may
        still be there, and must not be shown at another time.
        """
        style = self.styles.get(style_id)
        if style is not None and is_standing(style):
            del self.styles[style_id]
            self.changes += 1

    def put_render(self, render: StylizedImage) -> None:
        """Add a picture; its product may come later."""
        row, column = self._row(render.product_id), self._column(render.style_id)
        self.source_sha256[row] = render.source_sha256
        if self.images[row].get(column) != render.image_uri:
            self._redrawn[render.product_id] = render.rendered_at
        self._put_image(row, column, render.image_uri)

    def remove_render(self, product_id: str, style_id: str) -> None:
        """Remove a picture."""
        row, column = self.row_of.get(product_id), self.column_of.get(style_id)
        if row is None or column is None or column == ORIGINAL_COLUMN:
            return
        self.images[row] = {at: uri for at, uri in self.images[row].items() if at != column}
        self._redrawn[product_id] = EVER
        self._available[row, column] = False
        self.changes += 1

    def take_redrawn(self, since: datetime) -> set[str]:
        """Return the products with other pictures than when this was last asked, by id: those whose
        picture is no older than `since`.
        """
        found = {product_id for product_id, at in self._redrawn.items() if at >= since}
        self._redrawn.clear()
        return found

    def has_product(self, product_id: str) -> bool:
        """Return whether the product is on sale."""
        row = self.row_of.get(product_id)
        return row is not None and bool(self._present[row])

    @property
    def style_ids(self) -> list[str]:
        """By column; `original` first."""
        return list(self.column_of)

    @property
    def categories(self) -> list[str]:
        """By category code."""
        return list(self.category_code_of)

    @property
    def available(self) -> Bools:
        """Which pictures exist, [P, K]."""
        return self._available[: len(self.product_ids), : len(self.column_of)]

    @property
    def present(self) -> Bools:
        """Which products are on sale, [P]."""
        return self._present[: len(self.product_ids)]

    @property
    def category_codes(self) -> Ints:
        """The category of each product, [P]; of no meaning where it is not present."""
        return self._categories[: len(self.product_ids)]

    @property
    def product_keys(self) -> Unsigned:
        """A hash of each product_id, [P]."""
        return self._keys[: len(self.product_ids)]

    def _put_image(self, row: int, column: int, uri: str) -> None:
        if self.images[row].get(column) != uri:
            self.images[row] = {**self.images[row], column: uri}
        self._available[row, column] = True
        self.changes += 1

    def _row(self, product_id: str) -> int:
        row = self.row_of.get(product_id)
        if row is None:
            row = self.row_of[product_id] = len(self.product_ids)
            self.product_ids.append(product_id)
            self.titles.append("")
            self.source_sha256.append(None)
            self.images.append({})
            if row == len(self._present):
                self._grow(2 * row, self._available.shape[1])
            self._keys[row] = key_of(product_id)
        return row

    def _column(self, style_id: str) -> int:
        column = self.column_of.get(style_id)
        if column is None:
            column = self.column_of[style_id] = len(self.column_of)
            if column == self._available.shape[1]:
                self._grow(len(self._present), 2 * column)
        return column

    def _grow(self, rows: int, columns: int) -> None:
        more = rows - len(self._present)
        wider = columns - self._available.shape[1]
        self._available = np.pad(self._available, ((0, more), (0, wider)))
        self._present = np.pad(self._present, (0, more))
        self._categories = np.pad(self._categories, (0, more))
        self._keys = np.pad(self._keys, (0, more))


NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CampaignSchedule:
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
        """Return whether no edge lies between this schedule and `now`."""
        return self.since <= now < self.until


def schedule_at(styles: Collection[Style], now: datetime, weight: float) -> CampaignSchedule:
    """Return the schedule at `now`; `weight` is a campaign's of priority 0."""
    themes = [(style, style.campaign) for style in styles if style.campaign is not None]
    edges = [edge for _, window in themes for edge in (window.starts_at, window.ends_at)]
    ends = [
        window.ends_at
        for style, window in themes
        if in_window(style, now) and not is_standing(style)
    ]
    running = [style for style, _ in themes if in_window(style, now)]
    return CampaignSchedule(
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


def offered(catalogue: Catalogue, schedule: CampaignSchedule) -> Bools:
    """Return in which styles each product may be shown, whether drawn or not, [P, K]."""
    offers = np.ones(catalogue.available.shape, dtype=np.bool_)
    for style_id, style in catalogue.styles.items():
        column = catalogue.column_of.get(style_id)
        if column is None:
            continue
        if style_id in schedule.closed:
            offers[:, column] = False
        elif style.categories:
            codes = [catalogue.category_code_of.get(name, -1) for name in style.categories]
            offers[:, column] = np.isin(catalogue.category_codes, codes)
    return offers


def with_campaign_odds(
    shares: Doubles, catalogue: Catalogue, schedule: CampaignSchedule
) -> Doubles:
    """Multiply the styles' shares [C, K] by the factors of the campaigns that run.

    The share of a theme with few impressions is near 0: at least the average share is multiplied.
    """
    themed = shares.copy()
    for style_id, factor in schedule.running:
        column = catalogue.column_of.get(style_id)
        if column is not None:
            themed[:, column] = np.maximum(shares[:, column], 1 / shares.shape[1]) * factor
    return themed
