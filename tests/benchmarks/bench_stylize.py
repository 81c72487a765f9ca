"""The renderer beside its bound: bare ONNX Runtime of the generator on the same photos.

Everything around the network counts on our side: decoding, mattes, composition, the gate, encoding
and the store. Half of the products are drawn on their own ground, half cut out on the style's
paper. `picture_rate_1024` has photos and pictures of 1,024 pixels, `stylize_rate` of 512. The share
of each stage, each taken alone on one product, is printed beside.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2])]

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from schemas.catalog import Ground  # noqa: E402
from schemas.events import StyleDefinition, StyleRequest, StylizeJob  # noqa: E402
from stylecore.imaging.photo import Photo, decode, encode  # noqa: E402
from stylecore.models import FEATURES, GENERATOR, MATTE  # noqa: E402
from stylecore.rendering.draw import (  # noqa: E402
    Staging,
    at_working_size,
    batches_by_shape,
    compose,
    draw,
    source_for,
    source_of,
    task_of,
)
from stylecore.rendering.engine import Engine  # noqa: E402
from stylecore.rendering.gate import (  # noqa: E402
    describe,
    gate_target,
    load_quality_model,
    measure,
)
from stylecore.rendering.manifest import Bounds  # noqa: E402
from stylecore.rendering.matte import MatteNet, cut_out  # noqa: E402
from stylecore.rendering.stylize import RenderContext, stylize  # noqa: E402
from stylecore.storage.store import Store  # noqa: E402
from workers.demo.inputs import sample_products  # noqa: E402

PRODUCTS, BATCH = 6, 8
GOALS = {"stylize_rate": (512, 0.75), "picture_rate_1024": (1024, 0.55)}

Row = dict[str, object]


def rate(name: str) -> Row:
    """Pictures a second, sample products in every style; the store is new, so all are drawn."""
    side, goal = GOALS[name]
    engine = Engine(GENERATOR)
    with tempfile.TemporaryDirectory() as folder:
        photos = enlarged_photos(Path(folder), side)
        grounds: tuple[Ground, Ground] = ("photo", "paper")
        jobs = [job_of(path, engine, grounds[i % 2]) for i, path in enumerate(photos)]
        load = loader(side)
        batches = _batches(jobs, engine, load)
        ours = _seconds(lambda: draw_all(jobs, engine, load))
        bare = _seconds(lambda: _bare(batches, engine))
        print(json.dumps({"stages": name, **stages(photos[0], side)}), file=sys.stderr)
    pictures = sum(len(job.styles) for job in jobs)
    return {
        "name": name,
        "value": pictures / ours,
        "unit": "pictures/s",
        "baseline": f"bare ONNX Runtime of the generator on the same photos, {engine.provider}",
        "baseline_value": pictures / bare,
        "ratio": bare / ours,
        "goal": goal,
        "holds": bare / ours >= goal,
        "command": f"make bench ONLY={name}",
    }


def enlarged_photos(folder: Path, side: int) -> list[Path]:
    """Write the sample photos with a short side of `side` pixels, as JPEG."""
    paths = []
    for product in sample_products()[:PRODUCTS]:
        path = folder / f"{product.product_id}.jpg"
        with Image.open(product.image_uri) as picture:
            picture.convert("RGB").resize((side, side), Image.Resampling.LANCZOS).save(
                path, quality=90
            )
        paths.append(path)
    return paths


def loader(side: int) -> Callable[[str], Photo]:
    """Return a function from path to photo, as a worker decodes it."""
    return lambda uri: decode(
        Path(uri).read_bytes(), short_side=256, max_pixels=10**8, output_side=side
    )


def job_of(photo: Path, engine: Engine, ground: Ground = "photo") -> StylizeJob:
    """All styles of a product."""
    return StylizeJob(
        job_id=photo.stem,
        product_id=photo.stem,
        image_uri=str(photo),
        styles=[
            StyleRequest(
                style_id=style.style_id,
                definition=StyleDefinition(weights={style.style_id: 1.0}, ground=ground),
            )
            for style in engine.manifest.styles
        ],
        reason="request",
        requested_at=datetime.now(UTC),
    )


def draw_all(jobs: list[StylizeJob], engine: Engine, load: Callable[[str], Photo]) -> None:
    """The jobs' pictures, checked and stored, in a store of their own."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(4) as executor:
        quality_model, store = load_quality_model(FEATURES), Store(folder)
        context = RenderContext(
            load, engine, quality_model, Bounds(), store, executor, BATCH, MatteNet(MATTE)
        )
        stylize(jobs, context, datetime.now(UTC))


def stages(path: Path, side: int) -> dict[str, float]:
    """Processor time of each stage for a picture, in ms; those of a photo are divided by styles."""
    engine, net, quality_model = Engine(GENERATOR), MatteNet(MATTE), load_quality_model(FEATURES)
    spent: dict[str, float] = {}

    def timed(stage: str, action: Callable[[], Any]) -> Any:
        start = time.process_time()
        found = action()
        spent[stage] = spent.get(stage, 0.0) + time.process_time() - start
        return found

    photo = timed("decode", lambda: loader(side)(str(path)))
    source = timed("matte", lambda: source_for(cut_out(photo, net), Staging("paper")))
    tasks = [
        task_of(
            source, StyleDefinition(weights={style.style_id: 1.0}, ground="paper"), engine.manifest
        )
        for style in engine.manifest.styles
    ]
    described = timed("gate", lambda: describe(quality_model, [source]))[0]
    for task, render in timed("generator", lambda: list(draw(engine, tasks, BATCH))):
        pixels = timed("compose", lambda task=task, render=render: compose(task, render, engine))
        timed("encode", lambda pixels=pixels: encode(pixels))
        small = timed("gate", lambda pixels=pixels: at_working_size(pixels, source))
        target = timed("gate", lambda task=task: gate_target(task, described, engine.manifest))
        timed("gate", lambda target=target, small=small: measure(quality_model, [target], [small]))
    return {stage: round(1000 * seconds / len(tasks), 1) for stage, seconds in spent.items()}


def _batches(
    jobs: Sequence[StylizeJob], engine: Engine, load: Callable[[str], Photo]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Photos and weights of every batch that the jobs are drawn in."""
    tasks = [
        task_of(source, request.definition, engine.manifest)
        for job in jobs
        for source in [source_of(load(job.image_uri))]
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


FIGURES = {
    "stylize_rate": lambda: rate("stylize_rate"),
    "picture_rate_1024": lambda: rate("picture_rate_1024"),
}
