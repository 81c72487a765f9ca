"""Every benchmark imports, has its row in `make bench`, and runs in a tiny form."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))

import bench_cost  # noqa: E402
import bench_preferences  # noqa: E402
import bench_recommender  # noqa: E402
import bench_restore  # noqa: E402
import preferences_shop as shops  # noqa: E402
from rows import row  # noqa: E402

from schemas.codec import decode  # noqa: E402
from schemas.events import UserState  # noqa: E402
from schemas.topics import RECOMMENDATIONS, USER_STATES  # noqa: E402
from workers.kafka.topics import topic_name  # noqa: E402
from workers.settings import load_settings  # noqa: E402

AGREED = {
    "preferences_events_per_second",
    "preferences_cost",
    "fold_in_time",
    "top_k_rate",
    "stylize_rate",
    "picture_rate_1024",
    "matte_time",
    "generator_time",
    "click_to_recommendation_p99",
    "product_to_render_p99",
    "restore_rate",
}
"""The names that DESIGN's section 8 promises."""
FIELDS = {
    "name",
    "value",
    "unit",
    "baseline",
    "baseline_value",
    "ratio",
    "goal",
    "holds",
    "command",
}


def figures() -> dict:
    """Those of `python tests/benchmarks`."""
    spec = importlib.util.spec_from_file_location("benchmarks_main", FOLDER / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FIGURES


def test_make_bench_prints_every_agreed_figure_and_those_of_every_module():
    found = figures()
    assert found.keys() >= AGREED
    for path in sorted(FOLDER.glob("bench_*.py")):
        module = importlib.import_module(path.stem)
        assert found.keys() >= vars(module).get("FIGURES", {}).keys(), path.name


@pytest.mark.parametrize(
    ("goal", "holds"),
    [({"at_least": 2}, True), ({"at_least": 3}, False), ({"at_most": 1.5}, False), ({}, None)],
)
def test_a_row_says_whether_its_goal_is_met(goal, holds):
    found = row("some", 4.0, "s", "other", 2.0, **goal)
    assert found.keys() == FIELDS
    assert (found["ratio"], found["holds"]) == (2.0, holds)


@pytest.mark.filterwarnings("ignore:OpenBLAS is configured")
@pytest.mark.parametrize("figure", ["fold_in_time", "top_k_rate", "recommend_time", "apply_time"])
def test_the_recommenders_figures_run(figure):
    assert bench_recommender.FIGURES[figure](20)["value"] > 0


@pytest.fixture
def small_shop(tmp_path):
    return shops.Shop(load_settings(), {}, tmp_path, shoppers=40, products=100)


@pytest.mark.parametrize("look", [0, 4, 20])
def test_a_stream_has_its_looks_together_and_its_actions_on_what_they_showed(small_shop, look):
    stream = shops.click_stream(small_shop, look, 20_000, seed=1)
    assert [event.event_id for event in stream] == [f"1-{n}" for n in range(20_000)]
    shares = sum(event.kind == "impression" for event in stream) / len(stream)
    assert shares == pytest.approx(look / (look + 1), abs=0.001)
    shown = {}
    for event in stream:
        if event.kind == "impression":
            shown[event.recommendation_id, event.position] = (event.user_id, event.product_id)
    acted = [event for event in stream if event.kind != "impression"][shops.LOOKS_LATER :]
    if look:
        assert all(
            shown[event.recommendation_id, event.position] == (event.user_id, event.product_id)
            for event in acted
        )


def test_states_are_their_shoppers(small_shop):
    for key, value in shops.state_records(small_shop):
        state = decode(UserState, value)
        assert state.user_id.encode() == key
        assert state.interactions
        assert state.style_counts


def test_the_bare_computing_brings_a_list_for_each_who_acted(small_shop):
    stream = shops.click_stream(small_shop, 4, 500, seed=2)
    (outputs,), seconds = bench_cost.bare_computing(small_shop, stream)
    topics = [topic_name(small_shop.settings, topic) for topic in (USER_STATES, RECOMMENDATIONS)]
    acted = {event.user_id.encode() for event in stream if event.kind != "impression"}
    assert {key for topic, key, _ in outputs if topic == topics[1]} == acted
    assert {topic for topic, _, _ in outputs} == set(topics)
    assert seconds > 0


@pytest.mark.integration
def test_the_worker_is_measured_on_a_broker_and_its_states_restored(
    bootstrap_servers, prefix, tmp_path, monkeypatch
):
    shop = shops.open_shop(bootstrap_servers, tmp_path, prefix.rstrip("."), 40, 100)
    events = shops.click_stream(shop, 4, 400, seed=3)
    rate = bench_preferences.measured_rate(shop, bench_preferences.OURS, events, warm_up=0)
    assert rate.events_per_second > 0
    for name, value in shop.environment.items():
        monkeypatch.setenv(name, value)
    assert bench_restore.measured("ours")["count"] == 40
