"""Figures of the recommender's pure core, beside implicit's own in the same run, one thread each.

`python tests/benchmarks/bench_recommender.py` prints them as JSON, one a line; each is the best of
several alternating rounds, so that a busy machine slows both sides alike.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(threads, "1")
sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import faiss  # noqa: E402
import numpy as np  # noqa: E402
import worlds  # noqa: E402
from implicit.cpu.als import AlternatingLeastSquares  # noqa: E402
from scipy.sparse import csr_matrix  # noqa: E402

from stylecore.recommender.foldin import Histories, fold_in, whitening  # noqa: E402
from stylecore.recommender.recommend import recommend  # noqa: E402
from stylecore.recommender.rules import Rules  # noqa: E402
from stylecore.recommender.snapshot import arrange  # noqa: E402
from stylecore.recommender.state import apply  # noqa: E402
from stylecore.recommender.style_policy import ChoiceRules  # noqa: E402
from stylecore.recommender.top_k import products_of, top_k  # noqa: E402

PRODUCTS, FACTORS = 5000, 64
COMMAND = "python tests/benchmarks/bench_recommender.py"

Row = dict[str, object]


def best_times(
    *jobs: Callable[[], object],
    rounds: int = 9,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """The shortest time of each job in seconds, the jobs taking turns."""
    times = [[] for _ in jobs]
    for _ in range(rounds):
        for job, taken in zip(jobs, times, strict=True):
            started = clock()
            job()
            taken.append(clock() - started)
    return [min(taken) for taken in times]


def fold_in_time(users: int = 4096) -> Row:
    """Microseconds a user, 1 to 50 products each by Zipf's law."""
    random = np.random.default_rng(1)
    factors = worlds.factors(PRODUCTS, FACTORS, random)
    table = histories(users, random)
    confidences = csr_matrix(
        (table.confidences, table.products, table.starts), shape=(users, PRODUCTS)
    )
    model = implicit_model(factors.product_factors)
    whitened = whitening(factors.product_factors, 0.05).whiten(factors.product_factors)
    numbers = np.arange(users)
    ours, theirs = best_times(
        lambda: fold_in(whitened, table), lambda: model.recalculate_user(numbers, confidences)
    )
    return figure("fold_in_time", ours / users * 1e6, theirs / users * 1e6, "us/user", 0.25)


def top_k_rate(users: int = 512, seen: int = 50, k: int = 20) -> Row:
    """Users a second, `seen` products masked of XX

    Processor time: the shorter job finds an undisturbed moment on a busy machine, the longer none.
    """
    random = np.random.default_rng(2)
    factors = worlds.factors(PRODUCTS, FACTORS, random).product_factors
    vectors = random.normal(size=(users, FACTORS)).astype(np.float32)
    masked = np.argsort(random.random((users, PRODUCTS)), axis=1)[:, :seen]
    user, product = np.repeat(np.arange(users), seen), masked.ravel()
    model = implicit_model(factors)
    model.user_factors = vectors
    products = products_of(factors)
    ones = np.ones(len(user), dtype=np.float32)
    table = csr_matrix((ones, (user, product)), shape=(users, PRODUCTS))
    numbers = np.arange(users)
    ours, theirs = best_times(
        lambda: top_k(vectors, products, k, user, product),
        lambda: model.recommend(numbers, table, N=k),
        rounds=25,
        clock=time.process_time,
    )
    return figure("top_k_rate", users / ours, users / theirs, "users/s", 3)


def large_catalogue_time(products: int = 100_000, users: int = 256, k: int = 20) -> Row:
    """Microseconds a user where an index would be used, beside faiss's inverted file.

    Factors gather in 200 regions, which is what an index lives on; as few of its lists are read as
    give a recall of .98 against exact lists. The recall of both goes with the figure.
    """
    random = np.random.default_rng(5)
    spread = np.arange(1, FACTORS + 1) ** -0.5
    region = random.integers(200, size=products)
    factors = random.normal(size=(200, FACTORS))[region] + 0.7 * random.normal(
        size=(products, FACTORS)
    )
    factors = (factors * spread * np.exp(0.3 * random.normal(size=(products, 1)))).astype("f4")
    liked = random.integers(products, size=(users, 3))
    vectors = factors[liked].sum(axis=1)
    unmasked = np.zeros(0, dtype=np.int64)
    products = products_of(factors)
    exact = top_k(vectors, products, k, unmasked, unmasked).rows
    index = faiss.index_factory(FACTORS, "IVF1024,Flat", faiss.METRIC_INNER_PRODUCT)
    index.cp.max_points_per_centroid = 40
    index.train(factors)
    index.add(factors)
    for index.nprobe in range(16, 1024, 16):
        if recall(index.search(vectors, k)[1], exact) >= 0.98:
            break
    ours, theirs = best_times(
        lambda: top_k(vectors, products, k, unmasked, unmasked),
        lambda: index.search(vectors, k),
        rounds=5,
        clock=time.process_time,
    )
    row = figure("large_catalogue_time", ours / users * 1e6, theirs / users * 1e6, "us/user", 1.5)
    return row | {
        "baseline": f"faiss IVF1024, {index.nprobe} lists read",
        "recall": recall(top_k(vectors, products, k, unmasked, unmasked).rows, exact),
        "baseline_recall": recall(index.search(vectors, k)[1], exact),
    }


def recall(found: np.ndarray, wanted: np.ndarray) -> float:
    """The mean share of each row's wanted entries that are found."""
    return float((found[:, :, None] == wanted[:, None, :]).any(axis=1).mean())


def recommend_time(users: int = 1000) -> Row:
    """Microseconds a user for whole lists of 20 items in 9 styles and the photo."""
    random = np.random.default_rng(3)
    factors = worlds.factors(PRODUCTS, FACTORS, random)
    shop = worlds.catalogue(PRODUCTS)
    snapshot = arrange(shop, factors, factors.priors, ChoiceRules(), worlds.NOW)
    states = worlds.shoppers(users, PRODUCTS, random)
    rules, choice_rules = Rules(), ChoiceRules()
    (ours,) = best_times(lambda: recommend(states, snapshot, worlds.NOW, rules, choice_rules))
    return figure("recommend_time", ours / users * 1e6, None, "us/user", None)


def apply_time(events: int = 1000) -> Row:
    """Microseconds an event for shoppers with ten products."""
    random = np.random.default_rng(4)
    rules = Rules()
    state = worlds.shopper("user", np.arange(10), random)
    clicks = [
        worlds.feedback("user", f"product-{n % 20}", "neon", event_id=f"e{n}")
        for n in range(events)
    ]
    (ours,) = best_times(lambda: [apply(state, click, worlds.NOW, rules) for click in clicks])
    return figure("apply_time", ours / events * 1e6, None, "us/event", None)


def histories(users: int, random: np.random.Generator) -> Histories:
    lengths = worlds.lengths(users, random)
    products = [random.choice(PRODUCTS, size=n, replace=False) for n in lengths.tolist()]
    entries = int(lengths.sum())
    return Histories(
        starts=np.concatenate([[0], np.cumsum(lengths)]),
        products=np.concatenate(products),
        confidences=(1 + random.exponential(3, size=entries)).astype(np.float32),
        preferences=np.ones(entries, dtype=np.float32),
    )


def implicit_model(factors: np.ndarray) -> AlternatingLeastSquares:
    model = AlternatingLeastSquares(
        factors=factors.shape[1], regularization=0.05, alpha=1.0, num_threads=1
    )
    model.item_factors = factors
    return model


def figure(name: str, value: float, baseline: float | None, unit: str, goal: float | None) -> Row:
    ratio = None if baseline is None else value / baseline
    lower_is_better = unit.startswith("us/")
    holds = None
    if ratio is not None and goal is not None:
        holds = ratio <= goal if lower_is_better else ratio >= goal
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "baseline": None if baseline is None else "implicit",
        "baseline_value": None if baseline is None else round(baseline, 2),
        "ratio": None if ratio is None else round(ratio, 3),
        "goal": goal,
        "holds": holds,
        "command": f"{COMMAND} {name}",
    }


FIGURES = {
    "fold_in_time": fold_in_time,
    "top_k_rate": top_k_rate,
    "large_catalogue_time": large_catalogue_time,
    "recommend_time": recommend_time,
    "apply_time": apply_time,
}


def main() -> None:
    for name in sys.argv[1:] or FIGURES:
        print(json.dumps(FIGURES[name]()), flush=True)


if __name__ == "__main__":
    main()
