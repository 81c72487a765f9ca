"""Threads may decode a type for the first time at the same moment."""

import subprocess
import sys

AT_ONCE = """
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from schemas.codec import decode
from schemas.images import StylizedImage

sys.setswitchinterval(1e-6)
sums = b'"sha256":"%s","source_sha256":"%s","style_sha256":"%s",' % ((b"0" * 64,) * 3)
value = (
    b'{"product_id":"mug","style_id":"neon","image_uri":"a.png","width":3,"height":3,'
    b'"media_type":"image/png",' + sums + b'"model":"1","quality":{},"seed":1,'
    b'"rendered_at":"2026-01-01T00:00:00Z","job_id":"a"}'
)
start = threading.Barrier(8)


def first(_):
    start.wait()
    return decode(StylizedImage, value)


with ThreadPoolExecutor(8) as threads:
    assert len(set(image.job_id for image in threads.map(first, range(8)))) == 1
"""
PROCESSES = 15


def test_no_process_ends_over_it():
    """Without a lock msgspec 0.22 ends some of these processes with a segmentation fault."""
    for _ in range(PROCESSES):
        command = [sys.executable, "-c", AT_ONCE]
        found = subprocess.run(command, check=False, capture_output=True, text=True)
        assert found.returncode == 0, found.stderr
