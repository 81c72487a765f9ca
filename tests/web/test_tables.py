"""What the pages hold in memory, from records without a broker."""

import json
from collections import Counter
from datetime import timedelta
from functools import partial

from web.shop import NOW

from schemas.codec import encode
from schemas.events import Style, StyleDemand
from schemas.topics import DEMAND, FEEDBACK, RECOMMENDATIONS
from stylecore.recommender.recommend import EVERYONE
from workers.kafka.records import Record
from workers.web.counts import NO_STYLE, STRANGE_KEPT, EventCounters
from workers.web.tables import Change, Lists, ShownItem, ShownList, ShownReason, Tables

HOUR = timedelta(hours=1)


def list_of(user_id: str, valid_until, *items: ShownItem) -> bytes:
    """A list as its topic has it."""
    return encode(
        ShownList(
            user_id=user_id,
            recommendation_id=f"list-of-{user_id}",
            items=list(items),
            policy="test",
            factors_version="1",
            generated_at=NOW,
            valid_until=valid_until,
        )
    )


def lists_of(**valid_until) -> Lists:
    """Lists by their shopper, each with the next offset."""
    lists = Lists()
    for offset, (name, until) in enumerate(valid_until.items()):
        user_id = EVERYONE if name == "everyone" else name
        lists.put(user_id, list_of(user_id, until), offset)
    return lists


def test_an_expired_list_falls_back_on_that_for_everyone():
    lists = lists_of(ada=NOW + HOUR, ben=NOW, everyone=NOW)
    assert lists.of("ada", NOW).user_id == "ada"
    assert lists.of("ben", NOW).user_id == EVERYONE
    assert lists.of("ada", NOW + HOUR).user_id == EVERYONE
    assert lists.of("nobody", NOW).user_id == EVERYONE
    assert lists_of(ben=NOW).of("ben", NOW) is None


def test_of_two_lists_the_newer_has_the_greater_offset():
    lists = lists_of(ada=NOW + HOUR, everyone=NOW)
    assert [lists.offset_of(lists.of(name, NOW)) for name in ("ada", "nobody")] == [0, 1]
    lists.put("ada", list_of("ada", NOW + HOUR), 7)
    assert lists.offset_of(lists.of("ada", NOW)) == 7
    assert lists.offset_of(None) == -1


def test_the_lists_that_were_written_longest_ago_go_first():
    lists = Lists(most=2)
    for offset, user_id in enumerate([EVERYONE, "ada", "ben", "ada", "cy", "cy"]):
        lists.put(user_id, list_of(user_id, NOW + HOUR), offset)
    shown = {user_id: lists.of(user_id, NOW).user_id for user_id in ("ada", "ben", "cy")}
    assert shown == {"ada": "ada", "ben": EVERYONE, "cy": "cy"}
    assert lists.shoppers == 2


def test_a_list_with_a_new_kind_of_reason_is_read_and_one_that_is_none_is_not():
    reason = ShownReason(kind="of the future", text="Fresh.")
    item = ShownItem(
        product_id="mug", style_id="neon", image_uri="/x", score=1, propensity=0.5, reason=reason
    )
    tables, name = Tables(), RECOMMENDATIONS.name
    tables.apply([Change(name, "ada", list_of("ada", NOW + HOUR, item), 1)])
    assert tables.lists.of("ada", NOW).items == [item]
    tables.apply([Change(name, "ada", b"no list", 2)])
    assert tables.lists.of("ada", NOW) is None


def test_feedback_in_styles_that_are_none_is_counted_together():
    tables = Tables()
    tables.styles["mine"] = Style(style_id="mine", label="M", weights={"neon": 1.0})
    counters = EventCounters(partial(tables.has_style, generators={"neon"}))
    styles = ["original", "neon", "mine", *(f"invented-{n}" for n in range(STRANGE_KEPT + 100))]
    changes = [(FEEDBACK.name, feedback_in(style, "click")) for style in styles]
    changes += [(FEEDBACK.name, feedback_in("neon", kind)) for kind in ("invented", "impression")]
    counters.take(changes)
    assert len(+counters.acts) == STRANGE_KEPT + 5
    tables.styles["invented-100"] = tables.styles["mine"]  # its record came late
    counters.take(
        [(FEEDBACK.name, feedback_in(f"later-{n}", "click")) for n in range(STRANGE_KEPT)]
    )
    found = {pair: count for pair, count in counters.acts.items() if "later" not in pair[0]}
    assert +Counter(found) == {
        ("original", "click"): 1,
        ("neon", "click"): 1,
        ("mine", "click"): 1,
        ("invented-100", "click"): 1,
        (NO_STYLE, "click"): STRANGE_KEPT + 99,
        ("neon", "impression"): 1,
    }


def feedback_in(style_id, kind):
    fields = {"kind": kind, "style_id": style_id, "recommendation_id": "r", "product_id": "mug"}
    return Record(
        topic=FEEDBACK.name,
        partition=0,
        offset=0,
        key=b"ada",
        value=json.dumps(fields).encode(),
        raw_headers=[],
        timestamp_ms=0,
    )


def test_a_shopper_who_wants_the_same_in_the_next_window_counts_once():
    counters = EventCounters()
    for window, wanted in enumerate([5, 17, 9]):
        start = NOW + timedelta(seconds=10 * window)
        told = StyleDemand(
            product_id="mug",
            style_id="neon",
            wanted=wanted,
            window_start=start,
            window_end=start + timedelta(seconds=10),
        )
        record = Record(
            topic=DEMAND.name,
            partition=0,
            offset=window,
            key=b"mug",
            value=encode(told),
            raw_headers=[],
            timestamp_ms=0,
        )
        counters.take([(DEMAND.name, record)])
    (demanded,) = counters.demand.values()
    assert (demanded.wanted, demanded.window_end) == (17, NOW + timedelta(seconds=30))
