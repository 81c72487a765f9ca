"""From jobs to renders: load, draw, judge, store. Knows no Kafka.

A render that exists is not drawn again: its key is known before the work, and the sidecar under
that key, written last, holds what was drawn. Pictures of one shape are drawn together, whichever
job they belong to; while the network draws a batch, the ones before it are judged and stored by
other threads. Reference pictures and palettes are not drawn by this generator yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial

import numpy as np

from schemas.events import RejectedImage, RejectionReason, StyleRequest, StylizedImage, StylizeJob
from stylecore import gate
from stylecore.background import Plane, product_mask
from stylecore.engine import Batch, Engine
from stylecore.errors import Permanent
from stylecore.images import Floats, Photo, encode, to_floats, to_pixels
from stylecore.noise import noise_field
from stylecore.sidecar import Sidecar, read_sidecar, render_key, style_sha256, write_sidecar
from stylecore.store import Store
from stylecore.styles import UnknownStyle, Weights, ground_colour, style_weights

Outcome = StylizedImage | RejectedImage


@dataclass(frozen=True)
class Studio:
    """What drawing needs: a way to photos, the network, the gate's bounds, the store, threads."""

    load_photo: Callable[[str], Photo]
    """Address to photo at the engine's working size; raises Permanent."""
    engine: Engine
    bounds: gate.Bounds
    store: Store
    executor: Executor
    batch_images: int


@dataclass(frozen=True)
class Source:
    """A photo in the network's terms, and where its product is."""

    pixels: Floats
    mask: Plane
    sha256: str


@dataclass(frozen=True)
class Task:
    """One picture to draw; its key names it before it exists."""

    source: Source
    weights: Weights
    strength: float
    seed: int
    key: str


def stylize(
    jobs: Sequence[StylizeJob], studio: Studio, now: datetime
) -> list[list[Outcome] | Permanent]:
    """Draw jobs; the result has their length and order.

    An outcome a style, in the job's order, or the error for which the whole job failed. Raises
    Transient where the store is away; the call can then be repeated, and draws what is missing.
    """
    sources = list(studio.executor.map(partial(_load, studio), jobs))
    plans = [
        source
        if isinstance(source, Permanent)
        else [_plan(studio, source, request) for request in job.styles]
        for job, source in zip(jobs, sources, strict=True)
    ]
    tasks = {
        task.key: task
        for plan in plans
        if not isinstance(plan, Permanent)
        for task in plan
        if isinstance(task, Task)
    }
    drawn = _draw_missing(tasks.values(), studio)
    return [
        plan
        if isinstance(plan, Permanent)
        else [
            _outcome(studio, job, request, task, drawn, now)
            for request, task in zip(job.styles, plan, strict=True)
        ]
        for job, plan in zip(jobs, plans, strict=True)
    ]


def _load(studio: Studio, job: StylizeJob) -> Source | Permanent:
    try:
        photo = studio.load_photo(job.image_uri)
    except Permanent as problem:
        return problem
    floats = to_floats(photo.pixels)
    return Source(floats, product_mask(floats), photo.sha256)


def _plan(studio: Studio, source: Source, request: StyleRequest) -> Task | UnknownStyle:
    manifest = studio.engine.manifest
    definition = request.definition
    try:
        weights = style_weights(definition, manifest)
    except UnknownStyle as problem:
        return problem
    key = render_key(
        source=source.sha256,
        style=style_sha256(definition),
        model=manifest.version,
        size=manifest.working_size,
        seed=definition.seed,
    )
    return Task(source, weights, definition.strength, definition.seed, key)


def _draw_missing(tasks: Iterable[Task], studio: Studio) -> dict[str, Sidecar]:
    """The sidecar of every task, by key."""
    wanted = list(tasks)
    found = studio.executor.map(lambda task: read_sidecar(studio.store, task.key), wanted)
    sidecars = dict(zip((task.key for task in wanted), found, strict=True))
    missing = [task for task in wanted if sidecars[task.key] is None]
    finishing = {
        task.key: studio.executor.submit(_finish, studio, task, render)
        for batch in batches_by_shape(missing, studio.batch_images)
        for task, render in zip(batch, _render(studio.engine, batch), strict=True)
    }
    finished = {key: future.result() for key, future in finishing.items()}
    return {key: sidecar or finished[key] for key, sidecar in sidecars.items()}


def batches_by_shape(tasks: Sequence[Task], size: int) -> Iterator[list[Task]]:
    """The tasks in lists of at most `size` pictures of one shape."""
    shapes: dict[tuple[int, ...], list[Task]] = defaultdict(list)
    for task in tasks:
        shapes[task.source.pixels.shape].append(task)
    for alike in shapes.values():
        for start in range(0, len(alike), size):
            yield alike[start : start + size]


def _render(engine: Engine, batch: Sequence[Task]) -> Batch:
    height, width = batch[0].source.pixels.shape[:2]
    return engine.render(
        np.stack([task.source.pixels for task in batch]),
        np.stack([task.weights for task in batch]),
        np.stack([_noise(task.seed, height, width) for task in batch]),
    )


@lru_cache(maxsize=32)
def _noise(seed: int, height: int, width: int) -> Batch:
    return noise_field(seed, height, width)


def _finish(studio: Studio, task: Task, render: Floats) -> Sidecar:
    """Lay the product on its ground, measure, encode, store; the sidecar last."""
    source = task.source
    ground = ground_colour(source.pixels, task.weights, studio.engine.manifest)
    pixels = to_pixels(compose(source, render, ground, task.strength))
    data, media_type = encode(pixels)
    address, digest = studio.store.put_blob("images", data, ".webp")
    height, width = pixels.shape[:2]
    sidecar = Sidecar(
        image_uri=address,
        sha256=digest,
        width=width,
        height=height,
        media_type=media_type,
        quality=gate.measure(source.pixels, to_floats(pixels)),
    )
    return write_sidecar(studio.store, task.key, sidecar)


def compose(source: Source, render: Floats, ground: Floats, strength: float) -> Floats:
    """The render, on even ground where the photo's is plain; `strength` 0 gives the photo back."""
    mask = source.mask[..., None]
    whole = mask * render + (1 - mask) * ground
    composed: Floats = source.pixels + np.float32(strength) * (whole - source.pixels)
    return composed


def _outcome(
    studio: Studio,
    job: StylizeJob,
    request: StyleRequest,
    task: Task | UnknownStyle,
    drawn: dict[str, Sidecar],
    now: datetime,
) -> Outcome:
    model = studio.engine.manifest.version
    if isinstance(task, UnknownStyle):
        return RejectedImage(
            product_id=job.product_id,
            style_id=request.style_id,
            kind="error",
            reasons=[RejectionReason(figure="definition", text=str(task)[:500])],
            model=model,
            rendered_at=now,
            job_id=job.job_id,
        )
    sidecar = drawn[task.key]
    picture = {
        "product_id": job.product_id,
        "style_id": request.style_id,
        "image_uri": sidecar.image_uri,
        "width": sidecar.width,
        "height": sidecar.height,
        "media_type": sidecar.media_type,
        "sha256": sidecar.sha256,
        "source_sha256": task.source.sha256,
        "style_sha256": style_sha256(request.definition),
        "model": model,
        "quality": sidecar.quality,
        "seed": task.seed,
        "rendered_at": now,
        "job_id": job.job_id,
    }
    reasons = gate.judge(sidecar.quality, studio.bounds)
    if reasons:
        return RejectedImage(kind="gate", reasons=reasons, **picture)
    return StylizedImage(**picture)
