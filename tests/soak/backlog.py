"""`python tests/soak/backlog.py [--events N] [--interval SECONDS]`: is catching up called stuck?

Feedback waits in all partitions when the preferences worker starts. While it works that off, the
lag worker is asked for the group's status after each of its looks: none may be one of those by
which the alert StylecastStuck fires. Prints a JSON object; exit 1 where one was, or where all was
done before the status had been told a few times.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import preferences_shop as shops
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from workers.broker import local_broker
from workers.demo.fleet import Fleet, fleet
from workers.kafka.topics import group_id
from workers.settings import LagSettings

EVENTS = 200_000
SHOPPERS, PRODUCTS = 20_000, 1_000
LEAST_TOLD = 4
PATIENCE_SECONDS = 1800
RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "alerts.yaml"


@dataclass
class Seen:
    """What the lag worker's page said, look by look."""

    group: str
    statuses: Counter[str] = field(default_factory=Counter)
    """Looks by status; `unknown` while it is not told yet."""
    lag: int = -1
    longest_wait: float = 0.0
    """The longest time that a partition with lag stood still, in seconds."""
    _offsets: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By partition, the group's offset and since when it has been that."""

    def take(self, page: str, now: float) -> None:
        """One look."""
        found = {family.name: family for family in text_string_to_metric_families(page)}
        lags = self._by_partition(found["kafka_consumergroup_lag"])
        offsets = self._by_partition(found["kafka_consumergroup_current_offset"])
        self.lag = int(sum(lags.values()))
        for partition, offset in offsets.items():
            before, since = self._offsets.get(partition, (offset, now))
            self._offsets[partition] = (offset, since if offset == before else now)
            if lags[partition]:
                wait = now - self._offsets[partition][1]
                self.longest_wait = max(self.longest_wait, wait)
        told = [
            sample.labels["status"]
            for sample in found["stylecast_group_status"].samples
            if sample.labels["consumergroup"] == self.group and sample.value == 1
        ]
        if self.lag:
            self.statuses[told[0] if told else "unknown"] += 1

    def _by_partition(self, family: Metric) -> dict[str, float]:
        return {
            sample.labels["partition"]: sample.value
            for sample in family.samples
            if sample.labels["consumergroup"] == self.group
        }


def main() -> int:
    """Publish, catch up, and say what was told meanwhile."""
    parser = argparse.ArgumentParser(description="Is a group that catches up called stuck?")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--interval", type=float, default=LagSettings().interval_seconds)
    given = parser.parse_args()
    with _shop(given.events, given.interval) as (running, group):
        seen, seconds = catch_up(running, group, given.interval)
    alarming = statuses_of_the_alert()
    told = sum(seen.statuses.values()) - seen.statuses["unknown"]
    holds = told >= LEAST_TOLD and not alarming & seen.statuses.keys()
    print(
        json.dumps(
            {
                "events": given.events,
                "seconds": round(seconds, 1),
                "interval_seconds": given.interval,
                "looks_by_status": seen.statuses,
                "longest_wait_of_a_partition_seconds": round(seen.longest_wait, 1),
                "alarming": sorted(alarming),
                "holds": holds,
            }
        )
    )
    return 0 if holds else 1


def catch_up(running: Fleet, group: str, interval: float) -> tuple[Seen, float]:
    """Watch the group from its first commits until it has no lag; the seconds that it took."""
    running.start("preferences")
    running.wait_ready("preferences")
    running.start("lag")
    running.wait_ready("lag")
    seen, started = Seen(group), time.monotonic()
    while seen.lag:
        running.require_running()
        if time.monotonic() > started + PATIENCE_SECONDS:
            raise SystemExit(f"a lag of {seen.lag} is left: {seen}")
        seen.take(running.page("lag", "/metrics").decode(), time.monotonic())
        time.sleep(interval)
    return seen, time.monotonic() - started


def statuses_of_the_alert() -> set[str]:
    """The statuses by which StylecastStuck fires."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    (rule,) = [
        rule for group in groups for rule in group["rules"] if rule.get("alert") == "StylecastStuck"
    ]
    (statuses,) = re.findall(r'status=~"([A-Z|]+)"', rule["expr"])
    return set(statuses.split("|"))


@contextmanager
def _shop(events: int, interval: float) -> Iterator[tuple[Fleet, str]]:
    """No worker runs yet, and all feedback is there: actions only, each brings a list."""
    with tempfile.TemporaryDirectory(prefix="stylecast-backlog-") as name, local_broker() as broker:
        folder = Path(name)
        shop = shops.open_shop(broker.bootstrap_servers, folder, "backlog", SHOPPERS, PRODUCTS)
        shops.publish_feedback(shop, shops.click_stream(shop, 0, events, seed=1))
        environment = {**shop.environment, "STYLECAST_LAG__INTERVAL_SECONDS": str(interval)}
        with fleet(environment, folder / "logs") as running:
            yield running, group_id(shop.settings, "preferences")


if __name__ == "__main__":
    sys.exit(main())
