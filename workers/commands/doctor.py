"""`stylecast doctor`: is everything there, and what to do where it is not."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import typer

from stylecore.engine import has_cuda_device
from stylecore.errors import StylecastError
from stylecore.gate import load_examiner
from stylecore.models import FEATURES
from stylecore.store import Store
from workers.commands.printing import JsonFlag, print_json
from workers.engine import load_engine
from workers.settings import Settings, load_settings


class Finding(msgspec.Struct, frozen=True):
    """What was looked at, whether it is well, what was found, and the remedy."""

    part: str
    ok: bool
    found: str
    remedy: str = ""


def doctor(as_json: JsonFlag = False) -> None:
    """Look at the device, the model, the broker, the topics and the store; exit 1 on trouble."""
    settings = load_settings()
    findings = [
        _device(),
        _look("generator", _generator, settings, "reinstall, or check STYLECAST_STYLIZE__MODEL"),
        _look("features", _features, settings, "reinstall"),
        _look(
            "broker",
            _broker,
            settings,
            "start one with `stylecast broker`, or set STYLECAST_KAFKA__BOOTSTRAP_SERVERS",
        ),
        _look("topics", _topics, settings, "run `stylecast topics apply`"),
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


def _device() -> Finding:
    if has_cuda_device():
        return Finding("device", True, "a CUDA device is there")
    return Finding("device", True, "no CUDA device: the CPU draws")


def _generator(settings: Settings) -> str:
    engine = load_engine(settings.stylize)
    manifest = engine.manifest
    return (
        f"version {manifest.version}, {len(manifest.styles)} styles, sha256 as in the manifest, "
        f"warmed up on {engine.provider} in {engine.precision}"
    )


def _features(_: Settings) -> str:
    examiner = load_examiner(FEATURES)
    manifest, photos = examiner.net.manifest, len(examiner.gallery)
    return (
        f"version {manifest.version}, sha256 as in the manifest, "
        f"a gallery of {photos} photos, warmed up"
    )


def _broker(settings: Settings) -> str:
    from workers.admin import admin_client, cluster

    admin = admin_client(settings)
    brokers = len(cluster(admin).brokers)
    return f"{settings.kafka.bootstrap_servers} answers, {brokers} of the cluster"


def _topics(settings: Settings) -> str:
    from workers.topics import check_topics

    differences = check_topics(settings)
    serious = [difference for difference in differences if difference.is_error]
    if serious:
        raise StylecastError("; ".join(map(str, serious[:3])))
    return "as in the table" + (
        f", {len(differences)} partition counts differ" if differences else ""
    )


def _store(settings: Settings) -> str:
    store = Store(settings.store.uri)
    store.put_sidecar("doctor", "probe", b"{}")
    if store.get_sidecar("doctor", "probe") != b"{}":
        raise StylecastError(f"what was written to {store.uri} does not come back")
    return f"{store.uri} can be written and read"
