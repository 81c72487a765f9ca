"""Update a shopper's state by feedback: a pure function of state, event and time.

Weights are stored as of `updated_at` and decay when they are read, so that nothing has to be
written while time passes. `now` is the record's timestamp: replaying the topic gives the same
state, byte for byte. `apply_all` gives what `apply` gives for one event after the other, faster:
most events are impressions, which come a page at a time, and a run of them is counted together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from math import log
from typing import NamedTuple

from msgspec.structs import replace

from schemas.events import (
    Feedback,
    FeedbackKind,
    Interaction,
    SeenEvent,
    StyleCounts,
    UserState,
)
from stylecore.recommender.rules import CHOICE, Rules, decay, in_cool_down
from stylecore.recommender.style_counts import (
    first_counts,
    with_action,
    with_impression,
    with_impressions,
)

DISMISSED_CONFIDENCE = 5.0
"""The confidence that a dismissed product is not wanted; its preference is -1."""
UNKNOWN_PROPENSITY = 0.5
"""Assumed where feedback has no propensity: its style then counts little."""


def empty(user_id: str) -> UserState:
    """Return the state of a shopper of whom nothing is known."""
    return UserState(user_id=user_id)


def apply(state: UserState, event: Feedback, now: datetime, rules: Rules) -> UserState:
    """Return the state after the event; the same object where the event changes nothing.

    Repetitions change nothing, and impressions only the counts of styles, of a shopper who has
    acted before: of passers-by no state is kept. An event that comes late counts as if it had come
    in time and decayed since; one from the future counts as of now.
    """
    if event.kind == "impression":
        return _with_impression(state, event, now, rules)
    if is_repeated(state, event.event_id, now, rules):
        return state
    interactions, log_odds = _with_event(state.interactions, event, now, rules)
    counts = counts_of(state, now, rules)
    return UserState(
        user_id=state.user_id,
        interactions=interactions,
        recent_events=_with_id(state.recent_events, event.event_id, now, rules),
        style_counts=with_action(counts, event, log_odds, now, rules.half_life),
    )


def _with_impression(state: UserState, event: Feedback, now: datetime, rules: Rules) -> UserState:
    if not state.interactions:
        return state
    counts = counts_of(state, now, rules)
    after = with_impression(counts, event, now, rules.half_life)
    return state if after is counts else replace(state, style_counts=after)


def counts_of(state: UserState, now: datetime, rules: Rules) -> StyleCounts:
    """Return the state's counts; of a state from before there were any, its log-odds."""
    if state.style_counts is not None:
        return state.style_counts
    return first_counts(_evidence_by_style(state, now, rules), now)


def is_repeated(state: UserState, event_id: str, now: datetime, rules: Rules) -> bool:
    """Return whether the id is among the state's recent ones."""
    for seen in state.recent_events:
        if seen.event_id == event_id and now - seen.at < rules.repeat_window:
            return True
    return False


def style_evidence(propensity: float | None, rules: Rules, policy: str | None = None) -> float:
    """Return the log-odds for a style that an action in it gives, shown with this probability.

    With odds r, someone whose favourite it is acts in it with the probability p r / (p r + 1 - p),
    anyone else with about p: the logarithm of the ratio. A click on a style that is always shown is
    no evidence for it. Whoever chooses among styles side by side (CHOICE) takes the favourite r
    times as often as any other: log r, the most that a click can give.
    """
    if policy == CHOICE:
        return log(rules.style_odds)
    shown = UNKNOWN_PROPENSITY if propensity is None else propensity
    return log(rules.style_odds / (shown * rules.style_odds + 1.0 - shown))


def _evidence_by_style(state: UserState, now: datetime, rules: Rules) -> dict[str, float]:
    """Return the decayed log-odds of interactions by style, dismissed products left out."""
    dismissed = dismissed_products(state, now, rules)
    weights: dict[str, float] = {}
    for seen in state.interactions:
        if seen.style_id is not None and seen.product_id not in dismissed:
            evidence = seen.style_evidence * decay(seen.updated_at, now, rules.half_life)
            weights[seen.style_id] = weights.get(seen.style_id, 0.0) + evidence
    return weights


def dismissed_products(state: UserState, now: datetime, rules: Rules) -> set[str]:
    """Return the products that the shopper does not want to see for now."""
    return {
        seen.product_id
        for seen in state.interactions
        if in_cool_down(seen.dismissed_at, now, rules)
    }


def _with_id(
    recent: tuple[SeenEvent, ...], event_id: str, now: datetime, rules: Rules
) -> tuple[SeenEvent, ...]:
    if recent and now - recent[0].at >= rules.repeat_window:
        recent = tuple(seen for seen in recent if now - seen.at < rules.repeat_window)
    return (*recent, SeenEvent(event_id, now))[-rules.repeat_events :]


def _with_event(
    interactions: tuple[Interaction, ...], event: Feedback, now: datetime, rules: Rules
) -> tuple[tuple[Interaction, ...], float]:
    """Return the history in the order of the last actions, and the log-odds for the style that the
    event's has gained: an action counts once a product and style.
    """
    occurred = min(event.occurred_at, now)
    old = None
    others = []
    is_overtaken = False
    for seen in interactions:
        if seen.product_id != event.product_id:
            others.append(seen)
            continue
        is_overtaken |= _acted_since(seen, occurred)
        if seen.style_id == event.style_id:
            old = seen
        else:
            others.append(_forgiven(seen, event.kind, occurred))
    if len(others) >= rules.history:
        others = _strongest(others, now, rules)
    touched = _touched(old, event, occurred, now, rules)
    if event.kind == "dismiss" and not is_overtaken:
        touched = replace(touched, dismissed_at=_later(touched.dismissed_at, occurred))
    gained = touched.style_evidence
    if old is not None:
        gained -= old.style_evidence * decay(old.updated_at, now, rules.half_life)
    # Of equal times the one that was delivered later is the newer.
    place, at = len(others), _last_action(touched)
    while place and _last_action(others[place - 1]) > at:
        place -= 1
    return (*others[:place], touched, *others[place:]), max(gained, 0.0)


def _last_action(seen: Interaction) -> datetime:
    """Return when the product was last clicked, put in the cart or bought, else dismissed."""
    acted, purchased = seen.acted_at, seen.purchased_at
    if acted is None or purchased is None:
        return acted or purchased or seen.dismissed_at or seen.updated_at
    return max(acted, purchased)


def _touched(
    old: Interaction | None, event: Feedback, occurred: datetime, now: datetime, rules: Rules
) -> Interaction:
    fresh = decay(occurred, now, rules.half_life)
    weight = rules.kind_weights.get(event.kind, 0.0) * fresh
    evidence = 0.0
    purchased, dismissed, acted, carted, updated = None, None, None, None, now
    if event.style_id is not None and event.kind != "dismiss":
        evidence = style_evidence(event.propensity, rules, event.policy) * fresh
    if old is not None:
        old = _forgiven(old, event.kind, occurred)
        kept = decay(old.updated_at, now, rules.half_life)
        weight += old.weight * kept
        evidence = max(evidence, old.style_evidence * kept)
        purchased, dismissed = old.purchased_at, old.dismissed_at
        acted, carted = old.acted_at, old.carted_at
        updated = old.updated_at
    return Interaction(
        product_id=event.product_id,
        style_id=event.style_id,
        weight=min(weight, rules.weight_cap),
        style_evidence=min(evidence, rules.weight_cap),
        updated_at=max(updated, now),
        purchased_at=_later(purchased, occurred) if event.kind == "purchase" else purchased,
        dismissed_at=dismissed,
        acted_at=_later(acted, occurred) if event.kind in ("click", "cart") else acted,
        carted_at=_later(carted, occurred) if event.kind == "cart" else carted,
    )


def _later(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else max(known, at)


def _acted_since(seen: Interaction, at: datetime) -> bool:
    """Return whether a click, cart or purchase of the product happened after that time."""
    acted, purchased = seen.acted_at, seen.purchased_at
    return (acted is not None and acted > at) or (purchased is not None and purchased > at)


def _forgiven(seen: Interaction, kind: FeedbackKind, occurred: datetime) -> Interaction:
    """Take a dismissal back when its product is clicked afterwards, in whatever order
    the two are delivered; of the same instant, the dismissal counts.
    """
    if kind == "dismiss" or seen.dismissed_at is None or occurred <= seen.dismissed_at:
        return seen
    return replace(seen, dismissed_at=None)


def _strongest(
    interactions: Iterable[Interaction], now: datetime, rules: Rules
) -> list[Interaction]:
    """Return the history with room for new ones: the weakest eighth goes, and the older of equals.

    An eighth and not one, so that a shopper with a full history pays for the sorting once in
    many events. A cool-down counts like a click, or a dismissal would be forgotten first.
    """

    def strength(seen: Interaction) -> float:
        weight = seen.weight * decay(seen.updated_at, now, rules.half_life)
        ends = (seen.dismissed_at, seen.purchased_at)
        return max(weight, *(1.0 if in_cool_down(since, now, rules) else 0.0 for since in ends))

    kept = list(interactions)
    room = max(1, rules.history // 8)
    strengths = [strength(seen) for seen in kept]
    weakest = sorted(range(len(kept)), key=lambda index: (strengths[index], index))
    dropped = set(weakest[: len(kept) - rules.history + room])
    return [seen for index, seen in enumerate(kept) if index not in dropped]


Steps = Sequence[tuple[Feedback, datetime]]
"""Events, each with its `now`."""


class Applied(NamedTuple):
    """A state after its steps, and which of them counted last."""

    state: UserState
    changed: int | None
    """The place of the last step that changed the state; of a run of impressions, its end."""
    acted: int | None
    """The place of the last action that changed it."""


def apply_all(state: UserState, steps: Steps, rules: Rules) -> Applied:
    """Return the state after all steps; the same object where they change nothing."""
    changed, acted, end = None, None, 0
    for seen, group in groupby(steps, lambda step: step[0].kind == "impression"):
        run = list(group)
        for part in [run] if seen else [[step] for step in run]:
            end += len(part)
            after = _with_impressions(state, part, rules) if seen else apply(state, *part[0], rules)
            if after is not state:
                state, changed = after, end - 1
                acted = acted if seen else changed
    return Applied(state, changed, acted)


def _with_impressions(state: UserState, steps: Steps, rules: Rules) -> UserState:
    if state.style_counts is None:  # they begin as they are when the first impression counts
        for event, now in steps:
            state = apply(state, event, now, rules)
        return state
    if not state.interactions:
        return state
    after = with_impressions(state.style_counts, steps, rules.half_life)
    return state if after is state.style_counts else replace(state, style_counts=after)
