"""How fast hidden tastes are found: the demo's shoppers on a real broker, with its real workers.

Renders are announced and not drawn, for nobody looks at them here; all else is as in `make demo`:
forty shoppers, ten lists each before the fit and ten after it. The share of lists whose first item
is in the favourite style, over the first and the last fifth, a shop a seed; a tenth is chance.
`python tests/benchmarks/bench_taste.py [--seeds 7 1 2 3 4]` prints a line a seed, then the means.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import numpy as np  # noqa: E402
import worlds  # noqa: E402

from schemas.catalog import ORIGINAL  # noqa: E402
from schemas.topics import PREFERENCE_MODELS, PRODUCTS, RECOMMENDATIONS, STYLIZED  # noqa: E402
from stylecore.recommender.simulator import hit_rates, shopper  # noqa: E402
from workers.broker import local_broker  # noqa: E402
from workers.demo.fleet import fleet  # noqa: E402
from workers.demo.shoppers import Shopping, Visit  # noqa: E402
from workers.kafka.producer import Publisher  # noqa: E402
from workers.kafka.table import TableReader, partitions_of  # noqa: E402
from workers.kafka.topics import apply_topics  # noqa: E402
from workers.settings import load_settings  # noqa: E402

GOODS, SHOPPERS, LOOKS = 48, 40, 10
STYLES = (ORIGINAL, *worlds.STYLES)


def found_tastes(seed: int) -> tuple[float, float]:
    """The shares of the first and of the last fifth."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers = stack.enter_context(local_broker()).bootstrap_servers
        settings = load_settings(
            kafka={"bootstrap_servers": servers}, store={"uri": f"{folder}/store"}
        )
        apply_topics(settings, 4)
        publisher = stack.enter_context(Publisher(settings, "/benchmark"))
        for number in range(GOODS):
            publisher.send(PRODUCTS, worlds.product(number), datetime.now(UTC))
            for style in worlds.STYLES:
                drawn = worlds.render(f"product-{number}", style)
                publisher.send(STYLIZED, drawn, datetime.now(UTC))
        publisher.flush()
        environment = {
            "STYLECAST_KAFKA__BOOTSTRAP_SERVERS": servers,
            "STYLECAST_STORE__URI": f"{folder}/store",
        }
        workers = stack.enter_context(fleet(environment, Path(folder) / "logs"))
        workers.start("preferences")
        workers.wait_ready("preferences")
        reader = TableReader(settings, partitions_of(settings, [RECOMMENDATIONS]))
        models = TableReader(settings, partitions_of(settings, [PREFERENCE_MODELS]))
        stack.callback(reader.close)
        stack.callback(models.close)

        random = np.random.default_rng(seed)
        category_of = {
            f"product-{number}": worlds.product(number).category for number in range(GOODS)
        }
        categories = sorted(set(category_of.values()))
        people = [shopper(f"shopper-{n}", STYLES, categories, random) for n in range(SHOPPERS)]
        shopping = Shopping(
            [Visit(person) for person in people], category_of, publisher, reader, random
        )
        shopping.wait_for_list(GOODS)
        shopping.go_on(LOOKS, lambda _: None)
        workers.start("trainer")
        while not any(models.wait(0.2)):
            workers.require_running()
        shopping.go_on(LOOKS, lambda _: None)
        return hit_rates([visit.hits for visit in shopping.visits.values()])


def main() -> None:
    """Print each seed and the means."""
    parser = argparse.ArgumentParser(description="How fast are hidden tastes found?")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 1, 2, 3, 4])
    rates = []
    for seed in parser.parse_args().seeds:
        rates.append(found_tastes(seed))
        print(json.dumps({"seed": seed, "first": rates[-1][0], "last": rates[-1][1]}), flush=True)
    first, last = np.mean(rates, axis=0).round(3).tolist()
    print(json.dumps({"name": "hidden_taste", "first_fifth": first, "last_fifth": last}))


if __name__ == "__main__":
    main()
