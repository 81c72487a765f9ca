"""Streams of feedback for the prequential evaluation: from a CSV, or simulated.

`read` takes a CSV of user, item, time and rating or kind; columns are guessed from the names that
public data sets use, unless they are given.

`stream` simulates shoppers who arrive one after another. Half of what they look at is the shelf of
a category that they like, the rest is drawn from the whole shop, popular products more often, in
uniformly drawn styles, so that clicks depend on tastes and on no recommender. Without the shelves
(`browsed` 0) there is nothing to learn: clicks follow from what is seen, and knowing every taste
beside popularity would predict .144 of the clicks instead of .140
(tests/stylecore/evaluation/test_prequential_simulated.py).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import numpy as np

from schemas.events import Feedback, FeedbackKind, RecommendationReason, RecommendedItem
from stylecore.errors import Permanent
from stylecore.recommender.simulator import Shopper, act, shopper


@dataclass(frozen=True, slots=True)
class Row:
    """An event and the category of its product."""

    event: Feedback
    category: str


USUAL = {
    "user": ("user_id", "userid", "user", "visitorid", "customer_id", "reviewerid", "uid"),
    "item": ("item_id", "itemid", "product_id", "movieid", "movie_id", "item", "asin", "sku"),
    "time": ("timestamp", "time", "occurred_at", "event_time", "datetime", "date", "ts"),
    "rating": ("rating", "score", "stars"),
    "kind": ("kind", "event", "event_type", "action", "behavior", "type"),
    "category": ("category", "category_id", "categoryid", "category_code", "genre"),
}
"""Usual names of columns by content, most likely first, in lower case."""

NEEDED = ("user", "item", "time")

KINDS: dict[str, FeedbackKind] = {
    "view": "click",
    "pv": "click",
    "addtocart": "cart",
    "add_to_cart": "cart",
    "transaction": "purchase",
    "buy": "purchase",
    **{kind: kind for kind in get_args(FeedbackKind)},
}
"""Names of kinds in public data sets."""

MILLISECONDS_FROM = 1e11
"""Numbers above this are milliseconds since 1970; as seconds they would be in the year 5138."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """How ratings map to feedback."""

    liked: float = 0.0
    """Least rating of a click."""
    disliked: float = float("-inf")
    """Largest rating of a dismissal; ratings between the two are left out."""


def read(path: Path, given: Mapping[str, str | None], ratings: Ratings) -> list[Row]:
    """Read the rows in order of time, equal times as in the file.

    `given` names columns by content. Raises Permanent, with the line, where the file cannot be
    read, a column is missing, or a value is invalid.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = max((",", "\t", ";"), key=file.readline().count)
            file.seek(0)
            table = csv.DictReader(file, delimiter=delimiter)
            columns = chosen_columns(table.fieldnames or (), given)
            rows = list(_rows(table, columns, ratings, path))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise Permanent(f"cannot read {path}: {problem}") from problem
    if not rows:
        raise Permanent(f"{path} holds no event")
    return sorted(rows, key=lambda row: row.event.occurred_at)


def chosen_columns(names: Sequence[str], given: Mapping[str, str | None]) -> dict[str, str]:
    """Choose the column of each content. Raises Permanent where a required one is missing."""
    lower = {name.strip().lower(): name for name in reversed(names)}
    columns: dict[str, str] = {}
    for what, usual in USUAL.items():
        wanted = given.get(what)
        if wanted is not None and wanted not in names:
            raise Permanent(f"no column {wanted!r}; there are: {', '.join(names)}")
        found = wanted or next((lower[name] for name in usual if name in lower), None)
        if found is not None:
            columns[what] = found
    lacking = [what for what in NEEDED if what not in columns]
    if lacking:
        raise Permanent(
            f"no column for {', '.join(lacking)} among {', '.join(names)}: "
            f"say which with --{lacking[0]}-column"
        )
    return columns


def _rows(
    table: csv.DictReader[str], columns: Mapping[str, str], ratings: Ratings, path: Path
) -> Iterator[Row]:
    for number, fields in enumerate(table):
        value = {what: (fields.get(name) or "").strip() for what, name in columns.items()}
        try:
            kind = _kind(value, ratings)
            if kind is not None:
                yield Row(_event(value, kind, number), value.get("category") or "all")
        except ValueError as problem:
            raise Permanent(f"{path}, line {table.line_num}: {problem}") from problem


def _kind(value: Mapping[str, str], ratings: Ratings) -> FeedbackKind | None:
    """Return the kind of feedback; None for impressions and ratings between the bounds."""
    if "kind" in value:
        name = value["kind"].lower()
        if name not in KINDS:
            raise ValueError(f"no kind {name!r}; there are: {', '.join(KINDS)}")
        return None if KINDS[name] == "impression" else KINDS[name]
    if "rating" not in value:
        return "click"
    rating = float(value["rating"])
    if rating <= ratings.disliked:
        return "dismiss"
    return "click" if rating >= ratings.liked else None


def _event(value: Mapping[str, str], kind: FeedbackKind, number: int) -> Feedback:
    for what in ("user", "item"):
        if not value[what]:
            raise ValueError(f"an empty {what}")
    return Feedback(
        event_id=str(number),
        user_id=value["user"],
        kind=kind,
        product_id=value["item"],
        occurred_at=_time(value["time"]),
    )


def _time(text: str) -> datetime:
    """Parse seconds or milliseconds since 1970, or ISO 8601, in UTC without a zone."""
    try:
        number = float(text)
    except ValueError:
        at = datetime.fromisoformat(text.removesuffix(" UTC"))
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    try:
        return datetime.fromtimestamp(number / (1e3 if number > MILLISECONDS_FROM else 1), UTC)
    except (OverflowError, OSError) as problem:
        raise ValueError(f"{text!r} is no time") from problem


SHOPPERS, PRODUCTS, CATEGORIES = 400, 300, 15

LOOKS, ITEMS = 40, 20

BROWSED = 0.5
"""Share of looks at the shelf of a liked category."""

STYLES = ("original", "neon", "pastel", "watercolour")

START = datetime(2026, 1, 1, tzinfo=UTC)

BETWEEN_LOOKS = timedelta(minutes=1)

_NO_REASON = RecommendationReason(kind="explore", text="drawn by chance")


def stream(seed: int, looks: int = LOOKS, browsed: float = BROWSED) -> list[Row]:
    """Simulate SHOPPERS with `looks` lists each on average, in order of time."""
    random = np.random.default_rng(seed)
    names = [f"product-{number}" for number in range(PRODUCTS)]
    category_of = {name: f"category-{n % CATEGORIES}" for n, name in enumerate(names)}
    categories = sorted(set(category_of.values()))
    people = [shopper(f"user-{n}", STYLES, categories, random) for n in range(SHOPPERS)]
    rows: list[Row] = []
    for look in range(looks * SHOPPERS):
        person = people[int(random.integers(1 + look // looks))]
        products = _looked_at(person, category_of, browsed, random)
        items = [_item(names[product], random) for product in products]
        for action in act(person, items, category_of, random):
            if action.kind != "impression":
                event = Feedback(
                    event_id=str(len(rows)),
                    user_id=person.user_id,
                    kind=action.kind,
                    product_id=action.item.product_id,
                    occurred_at=START + look * BETWEEN_LOOKS,
                    style_id=action.item.style_id,
                )
                rows.append(Row(event, category_of[event.product_id]))
    return rows


def _looked_at(
    person: Shopper, category_of: dict[str, str], browsed: float, random: np.random.Generator
) -> list[int]:
    """Draw up to ITEMS product numbers, in the order in which they are seen."""
    shares = 1.0 / np.sqrt(1.0 + np.arange(PRODUCTS))
    if random.random() < browsed:
        liked = sorted(person.categories)
        shelf = liked[int(random.integers(len(liked)))]
        shares *= [category == shelf for category in category_of.values()]
    size = min(ITEMS, int(np.count_nonzero(shares)))
    found: list[int] = random.choice(
        PRODUCTS, size=size, replace=False, p=shares / shares.sum()
    ).tolist()
    return found


def _item(product_id: str, random: np.random.Generator) -> RecommendedItem:
    return RecommendedItem(
        product_id=product_id,
        style_id=STYLES[int(random.integers(len(STYLES)))],
        image_uri=product_id,
        score=0.0,
        propensity=1.0 / len(STYLES),
        reason=_NO_REASON,
    )
