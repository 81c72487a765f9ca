"""What was rejected and what waits, as the console shows it: functions of what the topics say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.events import RejectedImage, RejectionReason
from stylecore.rendering.manifest import rounded_apart
from workers.web.journal import Demanded, Journal
from workers.web.shelf import picture_uri, style_label
from workers.web.tables import Tables
from workers.web.words import Words


@dataclass(frozen=True)
class RejectedRow:
    """A render that was not published."""

    product_id: str
    title: str
    style_id: str
    label: str
    has_picture: bool
    why: list[str]
    at: datetime


@dataclass(frozen=True)
class DemandRow:
    """A picture that shoppers want and that does not exist."""

    title: str
    label: str
    demanded: Demanded
    is_rejected: bool
    """The picture was drawn and the gate kept it back: it waits for another style or photo."""


def rejected_rows(tables: Tables, words: Words, most: int) -> list[RejectedRow]:
    """Rejections of products on sale, the newest first."""
    newest = reversed(list(tables.rejected.items()))
    rows = (
        _rejected_row(tables, words, style_id, rejected)
        for (product_id, style_id), rejected in newest
        if product_id in tables.products
    )
    return [row for row, _ in zip(rows, range(most), strict=False)]


def _rejected_row(
    tables: Tables, words: Words, style_id: str, rejected: RejectedImage
) -> RejectedRow:
    return RejectedRow(
        product_id=rejected.product_id,
        title=tables.products[rejected.product_id].title,
        style_id=style_id,
        label=style_label(tables, words, style_id),
        has_picture=rejected.image_uri is not None,
        why=[reason_in_words(reason, words) for reason in rejected.reasons],
        at=rejected.rendered_at,
    )


def reason_in_words(reason: RejectionReason, words: Words) -> str:
    """A figure with the bound that it missed, or the error in its own words."""
    key = f"figure.{reason.figure}"
    figure = words(key) if key in words else reason.figure  # one newer than these words
    if reason.value is None or reason.bound is None:
        return f"{figure}: {reason.text or ''}"
    side = "above" if reason.value > reason.bound else "below"
    value, bound = rounded_apart(reason.value, reason.bound)
    return words(f"rejected.{side}", figure=figure, value=value, bound=bound)


def demand_rows(tables: Tables, journal: Journal, words: Words, most: int) -> list[DemandRow]:
    """What is wanted and not there, what most shoppers want first."""
    waiting = [
        it
        for it in journal.demand.values()
        if it.product_id in tables.products
        and picture_uri(tables, it.product_id, it.style_id) is None
    ]
    waiting.sort(key=lambda it: -it.wanted)
    return [
        DemandRow(
            title=tables.products[it.product_id].title,
            label=style_label(tables, words, it.style_id),
            demanded=it,
            is_rejected=(it.product_id, it.style_id) in tables.rejected,
        )
        for it in waiting[:most]
    ]
