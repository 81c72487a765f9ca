"""What tests share: one broker a run, and for each test topics, groups and a store of its own."""

from __future__ import annotations

import gc
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

# A busy machine is no fault of what is tested: no test is timed.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

COLLECTOR = gc.get_threshold()

BOOTSTRAP = "STYLECAST_KAFKA__BOOTSTRAP_SERVERS"
PREFIX = "STYLECAST_KAFKA__TOPIC_PREFIX"
PARTITIONS = 4


@pytest.fixture(autouse=True, scope="module")
def collector_as_it_was() -> Iterator[None]:
    """A worker in the tests' own process tunes its collector; the next module has its garbage."""
    yield
    if gc.get_threshold() != COLLECTOR or gc.get_freeze_count():
        gc.set_threshold(*COLLECTOR)
        gc.unfreeze()
        gc.collect()


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """A test may set up the log as a worker does; the next one listens for lines of its own."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def bootstrap_servers() -> Iterator[str]:
    """A Kafka: the one of the environment, else one in a container, else the local broker."""
    from containers import container_broker

    from workers.broker import local_broker

    if given := os.environ.get(BOOTSTRAP):
        yield given
        return
    with container_broker() as address:
        if address is not None:
            yield address
            return
    with local_broker() as broker:
        yield broker.bootstrap_servers


@pytest.fixture
def prefix() -> str:
    """Stands before the names of this test's topics, groups and transactions."""
    return f"t{secrets.token_hex(4)}."


@pytest.fixture
def settings(bootstrap_servers: str, prefix: str, tmp_path: Path):
    """Settings for the shared broker, with the test's own names and store."""
    from workers.settings import load_settings

    return load_settings(
        kafka={"bootstrap_servers": bootstrap_servers, "topic_prefix": prefix},
        store={"uri": str(tmp_path / "store")},
        worker={"instance": "test"},
        log={"format": "console"},
    )


@pytest.fixture
def topics(settings, prefix: str) -> Iterator[list[str]]:
    """All topics of the table, created for this test and deleted after it."""
    from workers.kafka.admin import admin_client
    from workers.kafka.topics import apply_topics

    names = apply_topics(settings, PARTITIONS)
    yield names
    admin = admin_client(settings)  # its answers come only while it is kept
    left = [name for name in admin.list_topics(timeout=30).topics if name.startswith(prefix)]
    for deleted in admin.delete_topics(left).values():
        deleted.result(30)


@pytest.fixture
def environment(settings) -> dict[str, str]:
    """The environment of a worker's process that is to use this test's settings."""
    return {
        **os.environ,
        BOOTSTRAP: settings.kafka.bootstrap_servers,
        PREFIX: settings.kafka.topic_prefix,
        "STYLECAST_STORE__URI": settings.store.uri,
        "STYLECAST_WORKER__INSTANCE": settings.worker.instance,
        "STYLECAST_LOG__FORMAT": settings.log.format,
    }
