"""What an event costs when a shop has ten times the shoppers, or ten times the products.

The worker as a process on a real broker, with LOOK pictures seen for each action. Ten times the
products are ranked by ten times the inner products; a shopper is looked up by name.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import preferences_shop as shops
from bench_preferences import EVENTS, OURS, PRODUCTS, SHOPPERS, WARM_UP, Rate, measured_rate
from preferences_shop import LOOK, open_shop
from rows import Row, row

from workers.broker import local_broker

TIMES = 10


def preferences_growth_shoppers() -> Row:
    """Microseconds of the processor an event with 1,000,000 shoppers."""
    return _grown("preferences_growth_shoppers", SHOPPERS * TIMES, PRODUCTS)


def preferences_growth_products() -> Row:
    """Microseconds of the processor an event with 50,000 products."""
    return _grown("preferences_growth_products", SHOPPERS, PRODUCTS * TIMES)


def _grown(name: str, shoppers: int, products: int) -> Row:
    small, large = _rate("small", SHOPPERS, PRODUCTS), _rate("large", shoppers, products)
    return row(
        name,
        large.cpu_us,
        "us/event",
        f"{SHOPPERS} shoppers, {PRODUCTS} products",
        small.cpu_us,
        shoppers=shoppers,
        products=products,
        events_per_second=[round(large.events_per_second), round(small.events_per_second)],
    )


def _rate(name: str, shoppers: int, products: int) -> Rate:
    with tempfile.TemporaryDirectory() as folder, local_broker() as broker:
        shop = open_shop(broker.bootstrap_servers, Path(folder), name, shoppers, products)
        events = shops.click_stream(shop, LOOK, WARM_UP + EVENTS, seed=19)
        return measured_rate(shop, OURS, events)


FIGURES = {
    "preferences_growth_shoppers": preferences_growth_shoppers,
    "preferences_growth_products": preferences_growth_products,
}


if __name__ == "__main__":
    for figure in FIGURES.values():
        print(json.dumps(figure()), flush=True)
