"""What the tests of containers share: the images, built once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deploy.engine import build_images, engine


@pytest.fixture(scope="session")
def images() -> Iterator[dict[str, str]]:
    """The environment of an engine that has the images of all roles without CUDA."""
    with engine() as environment:
        build_images(environment, "platform", "stylize", "kafka")
        yield environment
