"""Several events of one shopper at once: what `preferences.apply` gives for one after the other.

Impressions come a shelf at a time, and are most of what comes: a run of them is counted together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from schemas.events import Feedback, UserState
from stylecore.preferences import Rules, apply
from stylecore.style_counts import with_impressions

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
    """The state after all steps; the same object where they change nothing."""
    changed, acted, first = None, None, 0
    while first < len(steps):
        event, now = steps[first]
        is_action = event.kind != "impression"
        if is_action:
            end = first + 1
            after = apply(state, event, now, rules)
        else:
            end = _end_of_impressions(steps, first)
            after = _with_impressions(state, steps[first:end], rules)
        if after is not state:
            state, changed = after, end - 1
            acted = changed if is_action else acted
        first = end
    return Applied(state, changed, acted)


def _end_of_impressions(steps: Steps, first: int) -> int:
    end = first + 1
    while end < len(steps) and steps[end][0].kind == "impression":
        end += 1
    return end


def _with_impressions(state: UserState, steps: Steps, rules: Rules) -> UserState:
    if state.style_counts is None:  # they begin as they are when the first impression counts
        for event, now in steps:
            state = apply(state, event, now, rules)
        return state
    if not state.interactions:
        return state
    after = with_impressions(state.style_counts, steps, rules.half_life)
    return state if after is state.style_counts else replace(state, style_counts=after)
