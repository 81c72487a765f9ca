"""What a shop of a given size needs, from measured unit costs: python deploy/scale.py --help.

Every figure of the shop and every unit cost is an option, so that another shop, or a cost measured
again, is another line. SCALE.md says where each cost comes from. It knows no queues and no
failures: a load is an average times the peak factor.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from math import ceil

DAY = 86_400
GB = 1e9


@dataclass(frozen=True)
class Shop:
    """How much there is, and how much happens."""

    products: float = 1e6
    styles: float = 8
    shoppers: float = 1e8
    active_share: float = 0.05  # of the shoppers, on a day
    impressions: float = 40  # of an active shopper, on a day
    actions: float = 4  # of the same: clicks, carts, purchases, dismissals
    peak: float = 3  # the busiest hour beside the mean
    changed_share: float = 0.01  # of the products: new or with another photo, on a day
    launch_days: float = 7  # in which all renders, or a new generator's, are to be drawn
    refit_hours: float = 24  # between two refits of the factors


@dataclass(frozen=True)
class Costs:
    """Of one thing each; SCALE.md has the command of each measured one."""

    cpu_seconds_render: float = 0.19
    cores_stylize: float = 4
    gpu_renders_second: float = 100  # NOT measured
    image_bytes: float = 50e3
    render_record_bytes: float = 700
    sidecar_bytes: float = 400
    embedding_bytes: float = 2700
    cpu_us_event: float = 21.5
    cpu_us_rank_1000_products: float = 3.6
    feedback_bytes: float = 300
    state_bytes: float = 2600
    state_memory_bytes: float = 4900
    state_read_us: float = 25
    list_bytes: float = 5000
    catalogue_memory_bytes: float = 2040  # of a product with 8 renders
    catalogue_read_us: float = 45  # of a render
    trainer_memory_bytes: float = 9000  # of a shopper
    fit_us_interaction: float = 12
    interactions: float = 11  # of a shopper
    compression: float = 3  # of what the broker keeps and sends, by lz4


@dataclass(frozen=True)
class Limits:
    """What one machine, one partition or one night bears; beyond it something has to change."""

    job_partitions: float = 4
    user_partitions: float = 12
    memory_bytes: float = 64e9  # of one instance
    restore_seconds: float = 600  # until a recommender that starts is ready
    partition_bytes: float = 50e9  # on a broker's disk
    broker_bytes_second: float = 100e6  # written, of a cluster with three copies
    store_bytes: float = 10e12


@dataclass(frozen=True)
class Need:
    """An amount that is needed, and where one stands with it: over 1 it breaks."""

    what: str
    amount: float
    unit: str
    limit: float | None = None

    @property
    def strain(self) -> float:
        """Needed over borne; 0 where there is no limit."""
        return self.amount / self.limit if self.limit else 0.0


def needs(shop: Shop, costs: Costs, limits: Limits) -> list[Need]:
    """All that is needed, by part."""
    return [
        *rendering(shop, costs, limits),
        *recommending(shop, costs, limits),
        *training(shop, costs, limits),
        *keeping(shop, costs, limits),
    ]


def rendering(shop: Shop, costs: Costs, limits: Limits) -> Iterator[Need]:
    """Instances of stylize: to draw everything in time, and day by day."""
    renders = shop.products * shop.styles
    launch = renders / (shop.launch_days * DAY)
    daily = renders * shop.changed_share / DAY * shop.peak
    per_cpu = costs.cores_stylize / costs.cpu_seconds_render
    yield Need("renders at launch", renders, "renders")
    yield Need(
        "stylize on CPUs, launch", ceil(launch / per_cpu), "instances", limits.job_partitions
    )
    yield Need(
        "stylize on CPUs, each day", ceil(daily / per_cpu), "instances", limits.job_partitions
    )
    gpus = ceil(launch / costs.gpu_renders_second)
    yield Need("stylize on GPUs, launch", gpus, "GPUs", limits.job_partitions)


def recommending(shop: Shop, costs: Costs, limits: Limits) -> Iterator[Need]:
    """Instances of preferences: by processor, by memory; and how long one takes to start."""
    active = shop.shoppers * shop.active_share
    events = active * (shop.impressions + shop.actions) / DAY * shop.peak
    actions = active * shop.actions / DAY * shop.peak
    rank_us = costs.cpu_us_rank_1000_products * shop.products / 1000
    busy = (events * costs.cpu_us_event + actions * rank_us) / 1e6
    catalogue = shop.products * costs.catalogue_memory_bytes * shop.styles / 8
    states = shop.shoppers * costs.state_memory_bytes
    by_memory = ceil(states / max(1.0, limits.memory_bytes - catalogue))
    instances = max(ceil(busy / 0.7), by_memory, 1)
    yield Need("feedback at the peak", events, "events/s")
    yield Need("lists at the peak", actions, "lists/s")
    yield Need("preferences, by processor", ceil(busy / 0.7), "instances", limits.user_partitions)
    yield Need("preferences, by memory", by_memory, "instances", limits.user_partitions)
    share = min(instances, int(limits.user_partitions))
    memory = catalogue + states / share
    yield Need("memory of one of them", memory / GB, "GB", limits.memory_bytes / GB)
    seconds = shop.shoppers / share * costs.state_read_us / 1e6
    seconds += shop.products * shop.styles * costs.catalogue_read_us / 1e6
    yield Need("its start: states and catalogue", seconds, "s", limits.restore_seconds)


def training(shop: Shop, costs: Costs, limits: Limits) -> Iterator[Need]:
    """The one trainer: it holds all shoppers, and refits."""
    memory = shop.shoppers * costs.trainer_memory_bytes
    yield Need("memory of the trainer", memory / GB, "GB", limits.memory_bytes / GB)
    hours = shop.shoppers * costs.interactions * costs.fit_us_interaction / 1e6 / 3600
    yield Need("a refit, on one core", hours, "h", shop.refit_hours)


def keeping(shop: Shop, costs: Costs, limits: Limits) -> Iterator[Need]:
    """The store, the broker's disks and what goes through them."""
    renders = shop.products * shop.styles
    files = renders * (costs.image_bytes + costs.sidecar_bytes)
    files += shop.products * costs.embedding_bytes
    yield Need("store", files / 1e12, "TB", limits.store_bytes / 1e12)
    yield Need("files in it", 2 * renders + shop.products, "files")
    states = shop.shoppers * costs.state_bytes / costs.compression / limits.user_partitions
    lists = shop.shoppers * costs.list_bytes / costs.compression / limits.user_partitions
    per_partition = limits.partition_bytes / GB
    yield Need("states, a partition", states / GB, "GB", per_partition)
    yield Need("lists, a partition", lists / GB, "GB", per_partition)
    active = shop.shoppers * shop.active_share / DAY * shop.peak
    written = (shop.impressions + shop.actions) * costs.feedback_bytes
    written += shop.actions * (costs.state_bytes + costs.list_bytes)
    rate = active * written / costs.compression
    yield Need("written to Kafka at the peak", rate / 1e6, "MB/s", limits.broker_bytes_second / 1e6)
    pictures = renders / (shop.launch_days * DAY) * costs.image_bytes
    yield Need("to the store, at launch", pictures / 1e6, "MB/s")


def table(found: list[Need]) -> str:
    """As text, what is over its limit marked, and at the end what breaks first."""
    lines = [f"{'':34}{'needed':>16} {'':10}{'limit':>12}{'strain':>9}"]
    for need in found:
        limit = f"{need.limit:>12,.6g}{need.strain:>9.2f}" if need.limit else ""
        mark = "  !" if need.strain > 1 else ""
        lines.append(
            f"{need.what:34}{_number(need.amount):>16} {need.unit:10}{limit}{mark}".rstrip()
        )
    worst = max(found, key=lambda need: need.strain)
    verdict = "breaks first" if worst.strain > 1 else "is nearest to breaking"
    times = f"{worst.strain:.1f} times its limit"
    lines.append(f"\n{worst.what} {verdict}: {_number(worst.amount)} {worst.unit}, {times}")
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


def main(arguments: list[str] | None = None) -> str:
    """The table or, with --json, a list."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parts = (Shop, Costs, Limits)
    for part in parts:
        group = parser.add_argument_group(part.__name__.lower(), part.__doc__)
        for field in fields(part):
            name = f"--{field.name.replace('_', '-')}"
            group.add_argument(name, type=_positive, default=field.default, metavar="NUMBER")
    given = vars(parser.parse_args(arguments))
    shop, costs, limits = (
        part(**{field.name: given[field.name] for field in fields(part)}) for part in parts
    )
    found = needs(shop, costs, limits)
    if given["json"]:
        return json.dumps([asdict(need) | {"strain": need.strain} for need in found], indent=2)
    return table(found)


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


if __name__ == "__main__":
    print(main())
