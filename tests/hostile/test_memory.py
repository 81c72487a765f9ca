"""Where memory is short a batch is halved, nothing is skipped, and no process ends."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hostile.test_worker_pictures import job

from schemas.events import StylizedImage
from stylecore.errors import Transient
from stylecore.imaging.photo import decode
from stylecore.models import FEATURES, GENERATOR, MATTE
from stylecore.rendering.engine import Engine
from stylecore.rendering.gate import load_quality_model
from stylecore.rendering.manifest import Bounds
from stylecore.rendering.matte import MatteNet
from stylecore.rendering.stylize import RenderContext
from stylecore.storage.store import Store
from workers.demo.inputs import sample_products
from workers.stylize import stylize_in_memory

NOW = datetime(2026, 11, 24, tzinfo=UTC)
PHOTOS = [product.image_uri for product in sample_products()[:3]]
ANYTHING = Bounds(identity=-2, structure=-1, style=0, background=1000)

SHORT = """
import resource
import numpy as np
from stylecore.rendering.engine import Engine
from stylecore.models import GENERATOR

engine = Engine(GENERATOR, provider="cpu", threads=1)
styles = len(engine.manifest.styles)
photo = np.zeros((1, 1600, 1600, 3), np.float32)
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 150_000_000, resource.RLIM_INFINITY))
try:
    engine.render(photo, np.full((1, styles), 1 / styles, np.float32), photo)
except MemoryError as problem:
    print("memory is short:", problem)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
small = photo[:, :64, :64]
print(engine.render(small, np.eye(1, styles, dtype=np.float32), small).shape)
"""


class NarrowEngine:
    """The real engine, on a machine that has no memory for more than so many pictures a call."""

    def __init__(self, most: int):
        self._engine = Engine(GENERATOR, provider="cpu", threads=1)
        self.manifest, self.composition = self._engine.manifest, self._engine.composition
        self._most = most

    def render(self, photos, weights, noise):
        if len(photos) > self._most:
            raise MemoryError(f"{len(photos)} pictures")
        return self._engine.render(photos, weights, noise)


def load_photo(uri: str):
    return decode(Path(uri).read_bytes(), short_side=96, max_pixels=1_000_000)


def draw(most: int, folder):
    jobs = [job(number, photo) for number, photo in enumerate(PHOTOS)]
    with ThreadPoolExecutor(2) as executor:
        context = RenderContext(
            load_photo=load_photo,
            engine=NarrowEngine(most),
            quality_model=load_quality_model(FEATURES),
            bounds=ANYTHING,
            store=Store(str(folder)),
            executor=executor,
            batch_images=8,
            matte_net=MatteNet(MATTE),
        )
        return jobs, stylize_in_memory(jobs, context, NOW)


def test_a_batch_is_halved_until_it_fits_and_keeps_its_order(tmp_path):
    jobs, results = draw(1, tmp_path)
    assert [result[0].job_id for result in results] == [it.job_id for it in jobs]
    assert all(isinstance(result[0], StylizedImage) for result in results)


def test_one_job_that_does_not_fit_waits_for_memory(tmp_path):
    with pytest.raises(Transient, match="memory is too short for one job"):
        draw(0, tmp_path)


def test_onnx_runtimes_own_word_for_it_is_understood_and_the_engine_works_on():
    told = subprocess.run(
        [sys.executable, "-c", SHORT], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    assert "memory is short: drawing:" in told
    assert "(1, 64, 64, 3)" in told
