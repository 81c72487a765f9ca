"""What the tests of containers share: the images, built once, in one process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deploy.engine import build_images, engine
from xdist.scheduler import LoadFileScheduling

OF_IMAGES = ("test_images.py", "test_compose.py")


class _ImagesTogether(LoadFileScheduling):
    """A file goes to one process, and the files of images to the same: pytest-xdist 3.8 does not
    find its own groups any more with pytest 9.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "images" if file.endswith(OF_IMAGES) else file


def pytest_xdist_make_scheduler(config, log) -> LoadFileScheduling:
    return _ImagesTogether(config, log)


@pytest.fixture(scope="session")
def images() -> Iterator[dict[str, str]]:
    """The environment of an engine that has the images of all roles without CUDA."""
    with engine() as environment:
        build_images(environment, "platform", "stylize", "kafka")
        yield environment
