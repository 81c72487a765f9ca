"""Feedback and states with absurd numbers, kinds or sizes are refused with the field's name."""

import json

import pytest

from schemas.codec import InvalidEvent, decode, decode_id
from schemas.events import Feedback, UserState

FEEDBACK = {
    "event_id": "e",
    "user_id": "ann",
    "kind": "click",
    "product_id": "mug",
    "occurred_at": "2026-11-23T00:00:00Z",
}
SEEN = {"product_id": "mug", "weight": 1.0, "updated_at": "2026-11-23T00:00:00Z"}


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("propensity", float("nan"), "not JSON"),
        ("propensity", float("inf"), "not JSON"),
        ("propensity", 0.0, "propensity"),
        ("propensity", 1e300, "propensity"),
        ("propensity", -0.5, "propensity"),
        ("kind", "stare", "kind"),
        ("position", 10**9, "position"),
        ("occurred_at", "yesterday", "occurred_at"),
        ("occurred_at", "2026-11-23T00:00:00", "occurred_at"),
    ],
)
def test_feedback_that_makes_no_sense_is_refused(field, value, reason):
    with pytest.raises(InvalidEvent, match=reason):
        decode(Feedback, json.dumps(FEEDBACK | {field: value}))


@pytest.mark.parametrize("weight", [float("nan"), -1.0, 1e300])
def test_a_state_s_weight_is_a_number_in_its_range(weight):
    with pytest.raises(InvalidEvent):
        decode(
            UserState, json.dumps({"user_id": "ann", "interactions": [SEEN | {"weight": weight}]})
        )


def test_a_history_over_the_bound_is_no_state():
    decode(UserState, json.dumps({"user_id": "ann", "interactions": [SEEN] * 1000}))
    for items in (1001, 1_000_000):
        with pytest.raises(InvalidEvent):
            decode(UserState, json.dumps({"user_id": "ann", "interactions": [SEEN] * items}))


@pytest.mark.parametrize("key", [None, b"", b"..", b"*", b"a/b", b"\xff", b"x" * 201, b"a\n"])
def test_a_key_that_is_no_id_is_refused(key):
    with pytest.raises(InvalidEvent, match="the key is not an id"):
        decode_id(key)
