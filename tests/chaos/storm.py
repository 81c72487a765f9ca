"""A storm carried out: on real workers and a real broker, while the shop sends its load.

One thread looks around twenty times a second; what takes long (a broker's restart, a graceful
stop) has a thread of its own, so that other acts fall into it. Afterwards all workers are let in
peace until no group has lag, and are then stopped.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from chaos.conductor import Conductor
from chaos.load import GENERATOR_STYLES, Load
from chaos.plan import SESSION_SECONDS, SLOTS, TRANSACTION_SECONDS, Storm
from chaos.slots import Slots
from chaos.verdict import Verdict, judge
from msgspec import Struct

from stylecore.errors import Transient
from workers.broker import Broker, local_broker
from workers.demo.inputs import sample_products
from workers.kafka.topics import apply_topics
from workers.lag import collect_lag
from workers.settings import Settings, load_settings

PARTITIONS = 6
SETTLE_SECONDS = 300.0
GROUPS = ("stylize", "preferences", "planner")


class Size(Struct, frozen=True, kw_only=True):
    """The shop of a storm."""

    products: int
    styles: int
    orders: int
    events: int


class Result(Struct, frozen=True, kw_only=True):
    """A storm's end."""

    verdict: Verdict
    counts: Counter[str]
    """What was done to whom, where processes were struck, and what their transactions met."""
    slowest_stop: float
    seconds: float
    settle_seconds: float


def run(storm: Storm, size: Size, mutant: str | None = None) -> Result:
    """Storm, settle, judge. What was left of the processes is killed whatever happens."""
    started = time.monotonic()
    with _scene(mutant) as (settings, broker, slots):
        load = Load(settings, seed=storm.seed, **msgspec.structs.asdict(size))
        load.open_shop()
        conductor = Conductor(storm, broker, slots)
        conductor.storm(load)
        load.close()
        settling = time.monotonic()
        _settle(settings, slots, conductor)
        settled = time.monotonic() - settling
        for name in SLOTS:
            slots.end(name)
        verdict = judge(settings, load, slots.folder / "draws")
        verdict.troubles = slots.troubles
        if not verdict.good:
            kept = shutil.copytree(slots.folder, tempfile.mkdtemp() + "/slots")
            verdict.troubles.append(f"orders and logs of the processes: {kept}")
        counts = conductor.counts + slots.counts
        for file in ("reached", "resumed"):
            counts.update({f"{file} {line}": n for line, n in slots.lines(file).items()})
        return Result(
            verdict=verdict,
            counts=counts,
            slowest_stop=slots.slowest_stop,
            seconds=time.monotonic() - started,
            settle_seconds=settled,
        )


@contextmanager
def _scene(mutant: str | None) -> Iterator[tuple[Settings, Broker, Slots]]:
    """A broker with the topics, and slots whose processes start with the storm."""
    folder = Path(tempfile.mkdtemp(prefix="stylecast-chaos-"))
    try:
        with local_broker(
            # Nothing is compacted, so that every record can be counted afterwards.
            log_cleaner_enable="false",
            group_min_session_timeout_ms=1000,
        ) as broker:
            settings = load_settings(
                kafka={"bootstrap_servers": broker.bootstrap_servers},
                store={"uri": str(folder / "store")},
            )
            apply_topics(settings, PARTITIONS)
            slots = Slots(_environment(settings, mutant), folder / "slots")
            for name in SLOTS:
                slots.add(name)
            try:
                yield settings, broker, slots
            finally:
                slots.kill_all()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(settings: Settings, mutant: str | None) -> dict[str, str]:
    photos = str(Path(sample_products()[0].image_uri).parents[1])
    allowed = [photos, str(Path(settings.store.uri).parent)]
    return {
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "OMP_NUM_THREADS": "1",
        "PYTHONFAULTHANDLER": "1",  # should a library crash, its log tells where
        "STYLECAST_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "STYLECAST_STORE__URI": settings.store.uri,
        "STYLECAST_WORKER__SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
        "STYLECAST_WORKER__TRANSACTION_TIMEOUT_SECONDS": str(TRANSACTION_SECONDS),
        "STYLECAST_PHOTOS__ALLOWED_PREFIXES": msgspec.json.encode(allowed).decode(),
        "STYLECAST_PHOTOS__PATIENCE_SECONDS": "1",
        "STYLECAST_STYLIZE__BATCH_JOBS": "2",
        "STYLECAST_STYLIZE__THREADS": "1",
        "STYLECAST_PREFERENCES__BATCH_RECORDS": "50",
        "STYLECAST_PREFERENCES__DEMAND_SECONDS": "5",
        "STYLECAST_PLANNER__GENERATOR_STYLES": msgspec.json.encode(GENERATOR_STYLES).decode(),
        "STYLECAST_PLANNER__BROKER_SESSION_SECONDS": str(SESSION_SECONDS),
        **({"CHAOS_MUTANT": mutant} if mutant else {}),
    }


def _settle(settings: Settings, slots: Slots, conductor: Conductor) -> None:
    """All slots at work, until no group has lag twice in a row."""
    deadline = time.monotonic() + SETTLE_SECONDS
    calm = 0
    lags: dict[str, int] | None = None
    while calm < 2:
        slots.keep()
        conductor.look_whether_live()
        if (now := _lags(settings)) != lags:
            lags = now
            print(f"settling: {lags}", file=sys.stderr)
        calm = calm + 1 if lags is not None and not any(lags.values()) else 0
        if time.monotonic() > deadline:
            slots.troubles.append(f"not settled after {SETTLE_SECONDS:.0f} s: {lags}")
            return
        time.sleep(1)


def _lags(settings: Settings) -> dict[str, int] | None:
    """By worker; None where the broker is not to be asked now."""
    try:
        groups = {group.group: group.lag for group in collect_lag(settings)}
    except Transient:
        return None
    return {worker: groups[f"stylecast-{worker}"] for worker in GROUPS}
