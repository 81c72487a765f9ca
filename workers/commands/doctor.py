"""`stylecast doctor`: checks settings, broker, topics, store, models and workers, with remedies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import msgspec
import typer

from schemas.topics import dead_letter_topic
from stylecore.errors import StylecastError
from stylecore.models import FEATURES
from stylecore.rendering.engine import has_cuda_device
from stylecore.rendering.gate import load_quality_model
from stylecore.storage.store import Store
from workers.commands.printing import JsonFlag, print_json
from workers.kafka.acls import silenced_workers
from workers.kafka.admin import admin_client, cluster
from workers.kafka.records import Place
from workers.kafka.topics import check_topics, largest_records
from workers.lag import collect_lag
from workers.lag.status import GroupLag, PartitionLag
from workers.pictures import load_engine
from workers.settings import Settings, load_settings

SECONDS = {"stylecast-stylize": 90.0, "stylecast-posters": 30.0}
"""That a batch may take on a busy processor."""
SECONDS_OF_OTHERS = 15.0
LOOK_SECONDS = 1.0
NEVER_RAN = "NEVER_RAN"
Standing = dict[Place, PartitionLag]
"""Partitions with lag."""


class Finding(msgspec.Struct, frozen=True):
    """A part that was checked, whether it is well, what was found, and the remedy."""

    part: str
    ok: bool
    found: str
    remedy: str = ""


def doctor(as_json: JsonFlag = False) -> None:
    """Look at device, models, broker, topics, workers and store; exit 1 on trouble.

    A worker that seems to stand is watched for as long as one of its batches may take.
    """
    settings = load_settings()
    broker = _look(
        "broker",
        _broker,
        settings,
        "start one with `stylecast broker`, or set STYLECAST_KAFKA__BOOTSTRAP_SERVERS",
    )
    device = "a CUDA device is there" if has_cuda_device() else "no CUDA device: the CPU draws"
    findings = [
        Finding("device", True, device),
        _look("generator", _generator, settings, "reinstall, or check STYLECAST_STYLIZE__MODEL"),
        _look("features", _features, settings, "reinstall"),
        broker,
        _look("topics", _topics, settings, "run `stylecast topics apply`"),
        *(_flow(settings) if broker.ok else ()),
        _look("store", _store, settings, "check STYLECAST_STORE__URI and its permissions"),
    ]
    if as_json:
        print_json(msgspec.to_builtins(findings))
    else:
        for finding in findings:
            mark = "ok  " if finding.ok else "BAD "
            remedy = f"\n      remedy: {finding.remedy}" if finding.remedy else ""
            typer.echo(f"{mark}  {finding.part}: {finding.found}{remedy}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _look(part: str, look: Callable[[Settings], str], settings: Settings, remedy: str) -> Finding:
    try:
        return Finding(part, True, look(settings))
    except StylecastError as problem:
        return Finding(part, False, str(problem), remedy)


def _flow(settings: Settings) -> Iterator[Finding]:
    """Yield the findings about groups and dead letters, which need a broker that answers."""
    try:
        yield from _workers(settings)
    except StylecastError as problem:
        yield Finding("workers", False, str(problem), "check the broker and the rights")
    yield _look(
        "dead letters",
        _dead_letters,
        settings,
        "set max.message.bytes of the dead-letter topic to that of its input, and grant the right "
        "with `stylecast topics acls deploy/acls.yaml --apply`",
    )


def _generator(settings: Settings) -> str:
    engine = load_engine(settings.stylize)
    manifest = engine.manifest
    return (
        f"version {manifest.version}, {len(manifest.styles)} styles, sha256 as in the manifest, "
        f"warmed up on {engine.provider} in {engine.precision}"
    )


def _features(_: Settings) -> str:
    quality_model = load_quality_model(FEATURES)
    manifest, photos = quality_model.net.manifest, len(quality_model.gallery)
    return (
        f"version {manifest.version}, sha256 as in the manifest, "
        f"a gallery of {photos} photos, warmed up"
    )


def _broker(settings: Settings) -> str:
    admin = admin_client(settings)
    brokers = len(cluster(admin).brokers)
    return f"{settings.kafka.bootstrap_servers} answers, {brokers} of the cluster"


def _topics(settings: Settings) -> str:
    differences = check_topics(settings)
    serious = [difference for difference in differences if difference.is_error]
    if serious:
        raise StylecastError("; ".join(map(str, serious[:3])))
    return "as in the table" + (
        f", {len(differences)} partition counts differ" if differences else ""
    )


def _store(settings: Settings) -> str:
    store = Store(settings.store.uri)
    store.check()
    return f"{store.uri} can be written and read"


def _workers(settings: Settings) -> list[Finding]:
    """Return a finding for each group without members or progress; else one for all."""
    groups, prefix = collect_lag(settings), settings.kafka.topic_prefix
    ill = []
    for group in groups:
        if not group.members and (group.state != NEVER_RAN or group.lag):
            worker = group.group.removeprefix(f"{prefix}stylecast-")
            found = f"nobody works in the group {group.group}, {group.lag} records wait"
            remedy = (
                f"start it with `stylecast run {worker}`; if it runs, its log says why it does not "
                "join"
            )
            ill.append(Finding("workers", False, found, remedy))
    running = [group for group in groups if group.members]
    for name, parts in _standing(settings, running).items():
        worker = name.removeprefix(f"{prefix}stylecast-")
        for part in parts.values():
            found = (
                f"{name} stands at offset {part.position} of {part.topic}, "
                f"partition {part.partition}, with {part.lag} records to come"
            )
            remedy = (
                f"what the log of {worker} and its /ready say: the store may be away, or the "
                "record there may be one that it cannot get past"
            )
            ill.append(Finding("workers", False, found, remedy))
    return ill or [Finding("workers", True, f"{len(running)} groups have workers, and all go on")]


def _standing(settings: Settings, running: list[GroupLag]) -> dict[str, Standing]:
    """Return the partitions with lag in which a group makes no progress.

    A group is watched for as long as one of its batches may take.
    """
    started, prefix = time.monotonic(), settings.kafka.topic_prefix

    def is_watched(group: str) -> bool:
        seconds = SECONDS.get(group.removeprefix(prefix), SECONDS_OF_OTHERS)
        return time.monotonic() - started < seconds

    def with_lag(group: GroupLag) -> Standing:
        return {part.place: part for part in group.partitions if part.lag}

    stands = {group.group: with_lag(group) for group in running}
    while any(parts and is_watched(group) for group, parts in stands.items()):
        time.sleep(LOOK_SECONDS)
        now = {group.group: with_lag(group) for group in collect_lag(settings)}
        for group, parts in stands.items():
            stands[group] = {
                place: part
                for place, part in parts.items()
                if (later := now.get(group, {}).get(place)) and later.position == part.position
            }
    return stands


def _dead_letters(settings: Settings) -> str:
    limits = largest_records(settings)
    smaller = [
        f"{letters} takes {limits[letters]} bytes, {topic} {limits[topic]}"
        for topic in limits
        if (letters := dead_letter_topic(topic)) in limits and limits[letters] < limits[topic]
    ]
    silenced = silenced_workers(settings)
    if smaller or silenced:
        raise StylecastError("; ".join([*smaller, *(silenced or [])][:3]))
    rights = "" if silenced is None else ", and their workers may write to them"
    return f"their topics take what the inputs do{rights}"
