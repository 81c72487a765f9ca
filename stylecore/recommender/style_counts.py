"""Count impressions and actions by style for one shopper: pure functions of counts and event.

An impression or action counts in full when its place in the shopper's latest list is known, and
each place counts once, so that reloading a page adds nothing. An action without a place (an older
list, a storefront that publishes no impressions) adds the log-odds that its propensity gives.
Counts decay in whole steps of a 32nd of the half-life and are stored with three digits, so that
between two steps only changed counts are written. `style_policy` turns them into affinities.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache

from schemas.events import Feedback, ImpressionBitmap, StyleCount, StyleCounts
from stylecore.recommender.rules import CHOICE, decay

PLACES = 62
"""Places of a list that are tracked; further ones are not counted."""
MOST_STYLES = 64
STEPS = 32
DIGITS = 3

Impression = tuple[Feedback, datetime]
"""An impression and its `now`."""


def first_counts(log_odds: Mapping[str, float], now: datetime) -> StyleCounts:
    """Return counts that begin with these log-odds."""
    styles = tuple(StyleCount(style, 0.0, 0.0, odds) for style, odds in log_odds.items())
    return StyleCounts(at=now, styles=styles[-MOST_STYLES:])


def with_impression(
    counts: StyleCounts, event: Feedback, now: datetime, half_life: timedelta
) -> StyleCounts:
    """Return the counts after an impression; the same object where it does not count."""
    bit = _bit(event)
    if bit is None or event.style_id is None or event.recommendation_id is None:
        return counts
    bitmap = counts.look
    if bitmap is None or bitmap.recommendation_id != event.recommendation_id:
        bitmap = ImpressionBitmap(event.recommendation_id, 0, 0)
    if bitmap.seen & bit:
        return counts
    seen = ImpressionBitmap(bitmap.recommendation_id, bitmap.seen | bit, bitmap.acted)
    added = StyleCount(event.style_id, decay(event.occurred_at, now, half_life), 0.0)
    return _added(_aged(counts, now, half_life), added, seen)


def with_impressions(
    counts: StyleCounts, impressions: Sequence[Impression], half_life: timedelta
) -> StyleCounts:
    """Count impressions one after the other, as `with_impression` does, each at its `now`."""
    rest = iter(impressions)
    while True:
        counts, unlike = _while_alike(counts, rest, half_life)
        if unlike is None:
            return counts
        counts = with_impression(counts, *unlike, half_life)


def _while_alike(
    counts: StyleCounts, rest: Iterator[Impression], half_life: timedelta
) -> tuple[StyleCounts, Impression | None]:
    """Count the impressions up to the first that ages the counts or takes a style out; return
    that impression, which is not counted yet; None at the end.
    """
    bitmap = counts.look or ImpressionBitmap("", 0, 0)
    known = {one.style_id: one.seen for one in counts.styles}
    before = known.copy()
    step = _step(half_life)
    for event, now in rest:
        bit, style_id, shown = _bit(event), event.style_id, event.recommendation_id
        if bit is None or style_id is None or shown is None:
            continue
        if now - counts.at >= step or (style_id not in known and len(known) >= MOST_STYLES):
            return _seen(counts, known, before, bitmap), (event, now)
        if shown != bitmap.recommendation_id:
            bitmap = ImpressionBitmap(shown, bit, 0)
        elif bitmap.seen & bit:
            continue
        else:
            bitmap = ImpressionBitmap(shown, bitmap.seen | bit, bitmap.acted)
        added = decay(event.occurred_at, now, half_life)
        known[style_id] = round(known.get(style_id, 0.0) + added, DIGITS)
    return _seen(counts, known, before, bitmap), None


def _seen(
    counts: StyleCounts,
    known: Mapping[str, float],
    before: Mapping[str, float],
    bitmap: ImpressionBitmap,
) -> StyleCounts:
    """Return the counts with what was seen by style; the same object where no place was new."""
    if bitmap is counts.look or not bitmap.seen:
        return counts
    styles = [
        one
        if known[one.style_id] == one.seen
        else StyleCount(one.style_id, known[one.style_id], one.acted, one.log_odds)
        for one in counts.styles
    ]
    styles += [StyleCount(style, known[style], 0.0) for style in known if style not in before]
    return StyleCounts(at=counts.at, styles=tuple(styles), look=bitmap)


def with_action(
    counts: StyleCounts, event: Feedback, log_odds: float, now: datetime, half_life: timedelta
) -> StyleCounts:
    """Count a click, cart or purchase that by its propensity alone gives `log_odds`."""
    if event.kind == "dismiss" or event.style_id is None:
        return counts
    bit, bitmap = _bit(event), counts.look
    chosen = event.policy == CHOICE
    same_list = bitmap is not None and bitmap.recommendation_id == event.recommendation_id
    if bitmap and bit and same_list and bitmap.seen & bit and not chosen:
        if bitmap.acted & bit:
            return counts
        bitmap = ImpressionBitmap(bitmap.recommendation_id, bitmap.seen, bitmap.acted | bit)
        added = StyleCount(event.style_id, 0.0, decay(event.occurred_at, now, half_life))
    elif log_odds > 0:
        added = StyleCount(event.style_id, 0.0, 0.0, log_odds)
    else:
        return counts
    return _added(_aged(counts, now, half_life), added, bitmap)


def _bit(event: Feedback) -> int | None:
    known = event.position is not None and event.position < PLACES
    return 1 << event.position if known and event.position is not None else None


@cache
def _step(half_life: timedelta) -> timedelta:
    return max(half_life / STEPS, timedelta.resolution)


def _aged(counts: StyleCounts, now: datetime, half_life: timedelta) -> StyleCounts:
    step = _step(half_life)
    if now - counts.at < step:
        return counts
    steps = (now - counts.at) // step
    at = counts.at + steps * step
    left = decay(counts.at, at, half_life)
    styles = (
        StyleCount(
            one.style_id,
            round(one.seen * left, DIGITS),
            round(one.acted * left, DIGITS),
            round(one.log_odds * left, DIGITS),
        )
        for one in counts.styles
    )
    kept = tuple(one for one in styles if one.seen or one.acted or one.log_odds)
    return StyleCounts(at=at, styles=kept, look=counts.look)


def _added(counts: StyleCounts, added: StyleCount, bitmap: ImpressionBitmap | None) -> StyleCounts:
    """Return the sum; of too many styles the one that says least goes, and the older of equals."""
    styles = list(counts.styles)
    for place, one in enumerate(styles):
        if one.style_id == added.style_id:
            styles[place] = _sum(one, added)
            break
    else:
        if len(styles) >= MOST_STYLES:
            styles.remove(min(styles, key=lambda one: one.seen + one.acted + one.log_odds))
        styles.append(_sum(StyleCount(added.style_id, 0.0, 0.0), added))
    return StyleCounts(at=counts.at, styles=tuple(styles), look=bitmap)


def _sum(one: StyleCount, added: StyleCount) -> StyleCount:
    return StyleCount(
        one.style_id,
        round(one.seen + added.seen, DIGITS) if added.seen else one.seen,
        round(one.acted + added.acted, DIGITS) if added.acted else one.acted,
        round(one.log_odds + added.log_odds, DIGITS) if added.log_odds else one.log_odds,
    )
