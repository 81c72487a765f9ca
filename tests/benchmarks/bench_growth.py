"""What an event costs when a shop has ten times the shoppers, or many products, or is new.

The worker as a process on a real broker, with LOOK pictures seen for each action; each row beside
the usual shop of SHOPPERS and PRODUCTS in the same run, with the most memory that the worker held.
Ten times the products are ranked by ten times the inner products; a shopper is looked up by name.

On its first day a shop has FIRST_DAY products without pictures. Before the first fit their vectors
are those of their categories; after it, of all but the FITTED products that shoppers acted on, the
mean of their category.
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
FIRST_DAY, FIRST_SHOPPERS, FITTED = 20_000, 20_000, 1_000


def preferences_growth_shoppers() -> Row:
    """Microseconds of the processor an event with 1,000,000 shoppers."""
    small, large = _rate(SHOPPERS, PRODUCTS), _rate(SHOPPERS * TIMES, PRODUCTS)
    return row(
        "preferences_growth_shoppers",
        large.cpu_us,
        "us/event",
        f"{SHOPPERS} shoppers, {PRODUCTS} products",
        small.cpu_us,
        **_details(usual=small, large=large),
    )


def preferences_growth_products() -> Row:
    """Events a second with 50,000 products."""
    small, large = _rate(SHOPPERS, PRODUCTS), _rate(SHOPPERS, PRODUCTS * TIMES)
    return row(
        "preferences_growth_products",
        large.events_per_second,
        "events/s",
        f"{SHOPPERS} shoppers, {PRODUCTS} products",
        small.events_per_second,
        at_least=0.6,
        **_details(usual=small, large=large),
    )


def preferences_first_day() -> Row:
    """Events a second of a large shop on its first day, the slower of before and after a fit."""
    usual = _rate(SHOPPERS, PRODUCTS)
    unfitted = _rate(FIRST_SHOPPERS, FIRST_DAY, fitted=0)
    fitted = _rate(FIRST_SHOPPERS, FIRST_DAY, fitted=FITTED)
    return row(
        "preferences_first_day",
        min(unfitted.events_per_second, fitted.events_per_second),
        "events/s",
        f"{SHOPPERS} shoppers, {PRODUCTS} products with pictures and factors",
        usual.events_per_second,
        at_least=0.5,
        **_details(usual=usual, unfitted=unfitted, fitted=fitted),
    )


def _details(**rates: Rate) -> dict[str, object]:
    return {
        "events_per_second": {name: round(rate.events_per_second) for name, rate in rates.items()},
        "cpu_us": {name: round(rate.cpu_us, 1) for name, rate in rates.items()},
        "peak_mib": {name: rate.peak_mib for name, rate in rates.items()},
    }


def _rate(shoppers: int, products: int, fitted: int | None = None) -> Rate:
    with tempfile.TemporaryDirectory() as folder, local_broker() as broker:
        place = (broker.bootstrap_servers, Path(folder), "growth")
        shop = open_shop(*place, shoppers, products, fitted=fitted)
        events = shops.click_stream(shop, LOOK, WARM_UP + EVENTS, seed=19)
        return measured_rate(shop, OURS, events)


FIGURES = {
    "preferences_growth_shoppers": preferences_growth_shoppers,
    "preferences_growth_products": preferences_growth_products,
    "preferences_first_day": preferences_first_day,
}


if __name__ == "__main__":
    for figure in FIGURES.values():
        print(json.dumps(figure()), flush=True)
