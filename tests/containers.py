"""A Kafka in a container for the tests, where an engine answers and has an image or can pull one.

Everything else (no engine, no image, no registry) yields None, and the tests take the local
broker instead.
"""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from workers.broker.ports import free_port
from workers.broker.properties import SMALL

APACHE = "apache/kafka:4.1.1"
CONFLUENT = "confluentinc/cp-kafka:7.6.0"
PORT = 9092


@contextmanager
def container_broker() -> Iterator[str | None]:
    """The bootstrap address of a Kafka in a container, or None."""
    image = usable_image()
    if image is None:
        yield None
        return
    container = _confluent(image) if "cp-kafka" in image else _apache(image)
    with container as running:
        if "cp-kafka" in image:
            yield running.get_bootstrap_server()
        else:
            yield f"{running.get_container_host_ip()}:{running.get_exposed_port(PORT)}"


def usable_image() -> str | None:
    """An image that the engine has, else one that it can pull, else None."""
    docker = _engine()
    if docker is None:
        return None
    wanted = os.environ.get("STYLECAST_TEST_KAFKA_IMAGE")
    images = [wanted] if wanted else [APACHE, CONFLUENT]
    try:
        there = {tag for image in docker.images.list() for tag in image.tags}
        for image in images:
            if any(tag.endswith(image) for tag in there):  # podman puts a registry before it
                return image
        return images[0] if _pulled(docker, images[0]) else None
    finally:
        docker.close()


def _engine() -> Any:
    import docker
    from docker.errors import DockerException

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            engine = docker.from_env(timeout=60)
            engine.ping()
        except DockerException:
            engine = None
        gc.collect()  # a client that found no engine leaves its socket open
    return engine


def _pulled(docker: Any, image: str) -> bool:
    from docker.errors import DockerException
    from requests import RequestException

    try:
        docker.images.pull(image)
    except (DockerException, RequestException):
        return False
    return True


def _apache(image: str) -> Any:
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    _without_reaper()
    port = free_port()  # the broker must know the address under which it is found
    container = DockerContainer(image).with_bind_ports(PORT, port)
    properties = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": "1@localhost:9093",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://:{PORT},CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://{container.get_container_host_ip()}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }
    started = LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(90)
    return _configured(container, properties).waiting_for(started)


def _confluent(image: str) -> Any:
    from testcontainers.kafka import KafkaContainer

    _without_reaper()
    return _configured(KafkaContainer(image).with_kraft(), {})


def _configured(container: Any, properties: dict[str, object]) -> Any:
    for name, value in {**properties, **SMALL}.items():
        container.with_env("KAFKA_" + name.upper().replace(".", "_"), str(value))
    return container


def _without_reaper() -> None:
    """The fixture stops its container; the reaper would be a second image to pull."""
    from testcontainers.core.config import testcontainers_config

    testcontainers_config.ryuk_disabled = True
