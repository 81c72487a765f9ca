"""The renderer beside its bound: bare ONNX Runtime on the same batches.

Everything around the network counts on our side: decoding, masks, composition, the gate, encoding
and the store.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2])]

import numpy as np  # noqa: E402

from schemas.events import Product, StyleDefinition, StyleRequest, StylizeJob  # noqa: E402
from stylecore.imaging.photo import Photo, decode  # noqa: E402
from stylecore.models import FEATURES, GENERATOR, MATTE  # noqa: E402
from stylecore.rendering.draw import batches_by_shape, source_of, task_of  # noqa: E402
from stylecore.rendering.engine import Engine  # noqa: E402
from stylecore.rendering.gate import load_quality_model  # noqa: E402
from stylecore.rendering.manifest import Bounds  # noqa: E402
from stylecore.rendering.matte import MatteNet  # noqa: E402
from stylecore.rendering.stylize import RenderContext, stylize  # noqa: E402
from stylecore.storage.store import Store  # noqa: E402
from workers.demo.inputs import sample_products  # noqa: E402

PHOTOS, BATCH = 8, 8
COMMAND = "make bench ONLY=stylize_rate"

Row = dict[str, object]


def stylize_rate() -> Row:
    """Pictures a second, sample photos in every style; the store is new, so that all are drawn."""
    engine = Engine(GENERATOR)
    jobs = [job_of(product, engine) for product in sample_products()[:PHOTOS]]
    pictures = sum(len(job.styles) for job in jobs)
    batches = _batches(jobs, engine)
    ours, bare = _seconds(lambda: draw_all(jobs, engine)), _seconds(lambda: _bare(batches, engine))
    return {
        "name": "stylize_rate",
        "value": pictures / ours,
        "unit": "pictures/s",
        "baseline": f"bare ONNX Runtime on the same batches, {engine.provider}",
        "baseline_value": pictures / bare,
        "ratio": bare / ours,
        "goal": None,
        "holds": None,
        "command": COMMAND,
    }


def job_of(product: Product, engine: Engine) -> StylizeJob:
    """All styles of a product."""
    return StylizeJob(
        job_id=product.product_id,
        product_id=product.product_id,
        image_uri=product.image_uri,
        styles=[
            StyleRequest(
                style_id=style.style_id, definition=StyleDefinition(weights={style.style_id: 1.0})
            )
            for style in engine.manifest.styles
        ],
        reason="request",
        requested_at=datetime.now(UTC),
    )


def _load(uri: str) -> Photo:
    return decode(Path(uri).read_bytes(), short_side=256, max_pixels=10**8)


def draw_all(jobs: list[StylizeJob], engine: Engine) -> None:
    """The jobs' pictures, checked and stored, in a store of their own."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(4) as executor:
        quality_model, store = load_quality_model(FEATURES), Store(folder)
        context = RenderContext(
            _load, engine, quality_model, Bounds(), store, executor, BATCH, MatteNet(MATTE)
        )
        stylize(jobs, context, datetime.now(UTC))


def _batches(jobs: list[StylizeJob], engine: Engine) -> list[tuple[np.ndarray, np.ndarray]]:
    """Photos and weights of every batch that the jobs are drawn in."""
    tasks = [
        task_of(source, request.definition, engine.manifest)
        for job in jobs
        for source in [source_of(_load(job.image_uri))]
        for request in job.styles
    ]
    return [
        (np.stack([t.source.pixels for t in batch]), np.stack([t.weights for t in batch]))
        for batch in batches_by_shape(tasks, BATCH)
    ]


def _bare(batches: list[tuple[np.ndarray, np.ndarray]], engine: Engine) -> None:
    for photos, weights in batches:
        engine.render(photos, weights, photos)


def _seconds(action: Callable[[], None], rounds: int = 3) -> float:
    """The shortest of several rounds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)


FIGURES = {"stylize_rate": stylize_rate}
