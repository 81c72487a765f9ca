"""What the estimates promise: the truth on bandits that are known, and a refusal otherwise."""

from __future__ import annotations

import numpy as np
import off_policy_reference as reference
import pytest
from bandits import draw_log, policies
from hypothesis import given, settings
from hypothesis import strategies as st

from stylecore.errors import Permanent
from stylecore.evaluation import off_policy_report
from stylecore.evaluation.off_policy import (
    Log,
    Terms,
    check,
    cross_fitted_doubly_robust,
    doubly_robust,
    effective_sample_size,
    importance,
    interval,
    ips,
    kept,
    replay,
    resampled,
    snips,
)
from stylecore.evaluation.off_policy_report import evaluate_target, own_value

seeds = st.integers(0, 2**32)


def known(seed: int, rows: int = 300) -> tuple[Log, np.ndarray, np.ndarray]:
    """A log, the target's policy and the true chances, from a seed."""
    random = np.random.default_rng(seed)
    truth, logging, target = policies(3, 4, random)
    return draw_log(truth, logging, rows, random), target, truth


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_the_fast_estimates_are_those_of_the_readable_ones(seed: int) -> None:
    log, target, model = known(seed, rows=40)
    weights = importance(log, target)
    pairs = [
        (ips(log, weights), reference.ips(log, target)),
        (snips(log, weights), reference.snips(log, target)),
        (doubly_robust(log, weights, target, model), reference.doubly_robust(log, target, model)),
    ]
    for fast, slow in pairs:
        assert fast.value == pytest.approx(slow)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_a_uniform_log_and_a_uniform_target_give_the_mean(seed: int) -> None:
    random = np.random.default_rng(seed)
    log = draw_log(policies(3, 4, random)[0], np.full((3, 4), 0.25), 100, random)
    target = np.full((3, 4), 0.25)
    weights = importance(log, target)
    mean = pytest.approx(log.reward.mean())
    assert ips(log, weights).value == mean
    assert snips(log, weights).value == mean
    assert replay(log, weights, random.random(len(log))).value == mean
    assert effective_sample_size(weights) == pytest.approx(len(log))


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_replay_of_a_certain_target_on_a_uniform_log_keeps_what_agrees(seed: int) -> None:
    random = np.random.default_rng(seed)
    log = draw_log(policies(3, 4, random)[0], np.full((3, 4), 0.25), 200, random)
    chosen = random.integers(4, size=3)
    weights = importance(log, np.eye(4)[chosen])
    found = replay(log, weights, random.random(len(log)))
    assert found.value == pytest.approx(reference.replay(log, chosen.tolist()))


@settings(max_examples=25, deadline=None)
@given(seeds, st.floats(-5, 5))
def test_a_constant_added_to_the_rewards_moves_snips_by_as_much(seed: int, more: float) -> None:
    log, target, _ = known(seed)
    moved = Log(
        **{name: getattr(log, name) for name in Log.__slots__} | {"reward": log.reward + more}
    )
    weights = importance(log, target)
    before, after = snips(log, weights).value, snips(moved, weights).value
    assert after == pytest.approx(before + more)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_doubly_robust_with_a_perfect_model_is_the_truth_whatever_the_weights(seed: int) -> None:
    log, target, truth = known(seed)
    random = np.random.default_rng(seed)
    earned = truth[log.context, log.action]
    certain = Log(**{name: getattr(log, name) for name in Log.__slots__} | {"reward": earned})
    nonsense = random.exponential(size=len(log))
    found = doubly_robust(certain, nonsense, target, truth).value
    assert found == pytest.approx((target * truth).sum(axis=1)[log.context].mean())


def test_every_estimate_comes_to_the_truth_with_a_large_log() -> None:
    log, target, truth = known(1, rows=200_000)
    weights = importance(log, target)
    value = (target * truth).sum(axis=1).mean()
    found = [
        ips(log, weights),
        snips(log, weights),
        cross_fitted_doubly_robust(log, weights, target),
        replay(log, weights, np.random.default_rng(0).random(len(log))),
    ]
    for terms in found:
        assert terms.value == pytest.approx(value, abs=0.01)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    random = np.random.default_rng(2)
    truth, logging, target = policies(2, 3, random)
    value = (target * truth).sum(axis=1).mean()
    covered = {"ips": 0, "snips": 0, "dr": 0}
    for _ in range(100):
        log = draw_log(truth, logging, 400, random)
        weights = importance(log, target)
        terms = {
            "ips": ips(log, weights),
            "snips": snips(log, weights),
            "dr": cross_fitted_doubly_robust(log, weights, target),
        }
        for name, one in terms.items():
            low, high = interval(one, log.unit, random, confidence=0.9, resamples=150)
            covered[name] += low <= value <= high
    assert all(81 <= count <= 98 for count in covered.values()), covered


def test_a_shopper_is_drawn_whole_so_repeated_rows_do_not_narrow_an_interval() -> None:
    rewards = np.random.default_rng(3).random(200).round()
    once, often = (Terms(np.repeat(rewards, n), np.ones(200 * n)) for n in (1, 20))
    unit = np.arange(200)
    spreads = [
        resampled(terms, np.repeat(unit, n), np.random.default_rng(4), 500).std()
        for terms, n in ((once, 1), (often, 20))
    ]
    assert spreads[1] == pytest.approx(spreads[0], rel=0.15)


def test_few_effective_choices_or_rewards_give_a_sentence_and_no_number() -> None:
    log, _, _ = known(5, rows=120)
    sharp = np.eye(4)[[0, 0, 0]]
    report = evaluate_target("sharp", log, sharp, np.random.default_rng(0))
    assert all(found.value is None and "are wanted" in found.refused for found in report.estimates)
    unrewarded = Log(
        **{name: getattr(log, name) for name in Log.__slots__} | {"reward": np.zeros(len(log))}
    )
    told = own_value(unrewarded, np.random.default_rng(0))
    assert told.value is None
    assert "rewarded" in told.refused


def test_a_target_is_asked_only_where_it_could_have_acted() -> None:
    log, _, _ = known(6, rows=3000)
    code = log.actions.index("a1")
    lacking = (log.context == 0) & (log.action == code)
    kept_rows = ~lacking
    short = Log(
        **{
            name: value[kept_rows] if isinstance(value := getattr(log, name), np.ndarray) else value
            for name in Log.__slots__
        }
    )
    report = evaluate_target(
        "a1",
        short,
        off_policy_report.always(short, "a1"),
        np.random.default_rng(0),
        smallest_sample=10,
    )
    assert report.supported == pytest.approx((short.context != 0).mean())
    rewards = short.reward[(short.action == code)]
    assert report.estimates[0].value == pytest.approx(rewards.mean(), abs=0.1)


def test_another_logs_policy_is_had_from_its_propensities_or_its_choices() -> None:
    random = np.random.default_rng(7)
    truth, logging, target = policies(3, 4, random)
    log, other = draw_log(truth, logging, 500, random), draw_log(truth, target, 60_000, random)
    np.testing.assert_allclose(off_policy_report.averaged(log, other), target, atol=1e-9)
    np.testing.assert_allclose(off_policy_report.counted(log, other), target, atol=0.02)


def test_what_cannot_be_a_log_is_refused() -> None:
    log, _, _ = known(8)
    for name, wrong in (("propensity", 0.0), ("propensity", 1.5), ("reward", float("nan"))):
        values = getattr(log, name).copy()
        values[3] = wrong
        with pytest.raises(Permanent, match=name[:6]):
            check(Log(**{field: getattr(log, field) for field in Log.__slots__} | {name: values}))
    with pytest.raises(Permanent, match="there are: a0"):
        off_policy_report.always(log, "sepia")


def test_nothing_is_kept_of_a_log_that_the_target_never_chose() -> None:
    assert kept(np.zeros(5), np.zeros(5)).sum() == 0
    assert effective_sample_size(np.zeros(5)) == 0
