"""From events and files to a log: what is joined, what is left out, what is refused."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from worlds import NOW, feedback

from schemas.events import Feedback
from stylecore.errors import Permanent
from stylecore.evaluation import feedback_log
from stylecore.evaluation.feedback_log import join


def event(number: int, kind: str, product: str = "mug", minute: int = 0, **fields) -> Feedback:
    """An event of ada's about a product in neon, shown with probability 0.25 by list r1."""
    at = NOW + timedelta(minutes=minute)
    plain = feedback("ada", product, "neon", kind, at, event_id=f"e{number}", propensity=0.25)
    return replace(plain, recommendation_id="r1", policy="p1", **fields)


def test_a_click_is_joined_to_its_impression_by_recommendation_product_and_style() -> None:
    joined = join(
        [
            event(1, "impression", "mug"),
            event(2, "impression", "cup"),
            event(3, "click", "cup"),
            event(4, "cart", "cup", minute=1),
        ]
    )
    assert joined.log.contexts == ("cup", "mug")
    assert joined.log.actions == ("neon",)
    assert dict(zip(joined.log.context.tolist(), joined.log.reward.tolist(), strict=True)) == {
        0: 1.0,
        1: 0.0,
    }
    assert joined.log.propensity.tolist() == [0.25, 0.25]
    assert joined.actions_left_out == joined.impressions_left_out == 0


def test_a_click_is_credited_to_the_last_look_before_it() -> None:
    looks = [event(number, "impression", minute=number) for number in range(3)]
    click = event(9, "click", minute=1)
    assert join([click, *reversed(looks)]).log.reward.tolist() == [0.0, 1.0, 0.0]


def test_a_style_that_was_chosen_on_a_product_s_page_is_no_answer_to_an_impression() -> None:
    chosen = replace(event(2, "click", minute=1), policy="choice")
    assert join([event(1, "impression"), chosen]).log.reward.tolist() == [0.0]


def test_what_cannot_be_joined_is_counted_and_repetitions_are_taken_once() -> None:
    usable = event(1, "impression")
    joined = join(
        [
            usable,
            usable,
            event(2, "impression", propensity=None),
            event(3, "click", "never shown"),
            event(4, "click", minute=-5),
        ]
    )
    assert len(joined.log) == 1
    assert joined.impressions_left_out == 1
    assert joined.actions_left_out == 2


def test_the_reward_and_the_policy_can_be_chosen() -> None:
    events = [
        event(1, "impression", "mug"),
        event(2, "click", "mug"),
        replace(event(3, "impression", "cup"), policy="p2"),
        replace(event(4, "purchase", "cup"), policy="p2"),
    ]
    assert join(events, "purchase").log.reward.tolist() == [0.0, 1.0]
    assert len(join(events, policy="p2").log) == 1
    with pytest.raises(Permanent, match="no reward 'smile'"):
        join(events, "smile")
    with pytest.raises(Permanent, match="no choice"):
        join(events[1:2])


def test_an_open_bandit_file_is_read_zipped_or_not(tmp_path: Path) -> None:
    text = "n,item_id,position,click,propensity_score\n0,7,1,1,0.5\n1,8,2,0,0.25\n"
    (tmp_path / "log.csv").write_text(text)
    with gzip.open(tmp_path / "log.csv.gz", "wt") as file:
        file.write(text)
    for name in ("log.csv", "log.csv.gz"):
        log = feedback_log.read(tmp_path / name)
        assert (log.contexts, log.actions) == (("1", "2"), ("7", "8"))
        assert log.reward.tolist() == [1.0, 0.0]
        assert log.propensity.tolist() == [0.5, 0.25]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "no column click"),
        ("position,item_id,click,propensity_score\n1,7,yes,0.5\n", "yes"),
        ("position,item_id,click,propensity_score\n1,7,1,0\n", "above 0"),
        ("position,item_id,click,propensity_score\n", "no choice"),
    ],
)
def test_a_file_that_is_no_log_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(Permanent, match=told):
        feedback_log.read(path)
