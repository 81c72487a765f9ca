"""Turn jobs into renders: load, draw, judge, store.

A render that exists is not drawn again: its key is known before the work, and the sidecar under
that key, written last, holds what was drawn. The stages run side by side: threads fetch photos and
reference pictures, each address once for all jobs of a call (its content may change between calls);
others cut out products, and judge and store what is drawn; the network draws what is ready, in
batches of one shape. At most a few pictures wait between drawing and storing, and a photo is kept
no longer than until its last picture is drawn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from threading import Semaphore
from typing import Any, TypeVar

from schemas.events import (
    RejectedImage,
    RejectionReason,
    StyleDefinition,
    StylizedImage,
    StylizeJob,
)
from stylecore.arrays import Floats
from stylecore.errors import Permanent
from stylecore.imaging.photo import Photo, PictureFormat, encode
from stylecore.rendering.draw import (
    Source,
    Staging,
    Task,
    at_working_size,
    compose,
    draw,
    source_for,
    source_of,
    staging_of,
    task_of,
)
from stylecore.rendering.engine import Engine
from stylecore.rendering.gate import (
    Described,
    QualityModel,
    bounds_of,
    describe,
    gate_target,
    measure,
)
from stylecore.rendering.manifest import Bounds, judge
from stylecore.rendering.matte import Cutout, MatteNet, cut_out
from stylecore.rendering.style import NO_REFERENCES, Reference, UnknownStyle
from stylecore.storage.render_cache import Sidecar, read_sidecar, write_embedding, write_sidecar
from stylecore.storage.store import Store

Outcome = StylizedImage | RejectedImage
Loaded = TypeVar("Loaded")

FETCHING_THREADS = 32
"""They wait for hosts; one that does not answer must not keep others waiting."""
WAITING_BATCHES = 2
"""Of drawn pictures, that may wait to be composed and stored."""


def no_references(uri: str) -> Reference:
    """Raise UnknownStyle: the generator has no encoder."""
    raise UnknownStyle(f"{uri}: {NO_REFERENCES}")


@dataclass(frozen=True)
class RenderContext:
    """What drawing needs: a way to photos, the networks, the gate, the store, threads."""

    load_photo: Callable[[str], Photo]
    """Address to photo at the engine's working size, and large; raises Permanent."""
    engine: Engine
    quality_model: QualityModel
    bounds: Bounds
    """Of all styles, in place of the manifest's where there are any."""
    store: Store
    executor: Executor
    batch_images: int
    matte_net: MatteNet
    load_reference: Callable[[str], Reference] = no_references
    """Address to what the picture there says as a style; raises Permanent."""
    format: PictureFormat = "webp"
    """Of finished pictures."""
    timed: Callable[[Iterator[tuple[Task, Floats]]], Iterator[tuple[Task, Floats]]] = iter
    """Takes the time of the network as it draws; changes nothing."""


@dataclass(frozen=True)
class Missing:
    """A picture that is to be drawn, and what it is held against."""

    task: Task
    photo: Described


@dataclass(frozen=True)
class Ordered:
    """What is known of a picture without its pixels."""

    key: str
    about: dict[str, Any]
    """Fields of its event."""
    bounds: Bounds
    sidecar: Sidecar | None
    """Of a render that exists."""


@dataclass(frozen=True)
class Plan:
    """What a job asks for, in its order, and what of that is to be drawn."""

    ordered: list[Ordered | Permanent]
    missing: list[Missing]


def stylize(
    jobs: Sequence[StylizeJob], context: RenderContext, now: datetime
) -> list[list[Outcome] | Permanent]:
    """Draw jobs; the result has their length and order.

    An outcome a style, in the job's order, or the error for which the whole job failed. Raises
    Transient where the store is away; the call can then be repeated, and draws what is missing.
    """
    references = {uri for job in jobs for uri in _references(job)}
    with ThreadPoolExecutor(FETCHING_THREADS, "fetch") as fetchers:
        # Loads come first in the queue, so that no thread waits for one that has no thread.
        photos = _each(context.load_photo, {job.image_uri for job in jobs}, fetchers)
        named = _each(context.load_reference, references, fetchers)
        plans = [fetchers.submit(_loaded_plan, context, photos, named, job) for job in jobs]
        drawn = _draw_missing(plans, context)
    model = context.engine.manifest.version
    return [
        _outcomes(job, plan.result(), drawn, model, now)
        for job, plan in zip(jobs, plans, strict=True)
    ]


def _references(job: StylizeJob) -> set[str]:
    uris = (request.definition.reference_uri for request in job.styles)
    return {uri for uri in uris if uri is not None}


def _each(
    load: Callable[[str], Loaded], uris: Iterable[str], executor: Executor
) -> dict[str, Future[Loaded | Permanent]]:
    return {uri: executor.submit(_loaded, load, uri) for uri in sorted(uris)}


def _loaded(load: Callable[[str], Loaded], uri: str) -> Loaded | Permanent:
    try:
        return load(uri)
    except Permanent as problem:
        return problem


def _loaded_plan(
    context: RenderContext,
    photos: Mapping[str, Future[Photo | Permanent]],
    references: Mapping[str, Future[Reference | Permanent]],
    job: StylizeJob,
) -> Plan | Permanent:
    """Wait for a job's photo and references, and let the executor plan it."""
    photo = photos[job.image_uri].result()
    named = {uri: references[uri].result() for uri in _references(job)}
    if isinstance(photo, Permanent):
        return photo
    return context.executor.submit(_plan, context, photo, named, job).result()


def _plan(
    context: RenderContext,
    photo: Photo,
    references: Mapping[str, Reference | Permanent],
    job: StylizeJob,
) -> Plan:
    sources = _sources(photo, {staging_of(it.definition) for it in job.styles}, context)
    tasks = [
        _task(
            context,
            sources[staging_of(request.definition)],
            request.definition,
            references.get(request.definition.reference_uri or ""),
        )
        for request in job.styles
    ]
    ordered = [task if isinstance(task, Permanent) else _ordered(task, context) for task in tasks]
    missing = [
        task
        for task, order in zip(tasks, ordered, strict=True)
        if isinstance(task, Task) and isinstance(order, Ordered) and order.sidecar is None
    ]
    return Plan(ordered, _described(missing, context))


def _sources(
    photo: Photo, stagings: set[Staging | None], context: RenderContext
) -> dict[Staging | None, Source | UnknownStyle]:
    """Return the photo as each staging needs it, its product cut out once; as it is for None."""
    sources: dict[Staging | None, Source | UnknownStyle] = {}
    if None in stagings:
        sources[None] = source_of(photo)
    if to_cut := [staging for staging in stagings if staging is not None]:
        cutout = cut_out(photo, context.matte_net)
        sources |= {staging: _staged(cutout, staging) for staging in to_cut}
    return sources


def _staged(cutout: Cutout, staging: Staging) -> Source | UnknownStyle:
    try:
        return source_for(cutout, staging)
    except UnknownStyle as problem:
        return problem


def _task(
    context: RenderContext,
    source: Source | UnknownStyle,
    definition: StyleDefinition,
    reference: Reference | Permanent | None,
) -> Task | Permanent:
    if isinstance(reference, Permanent):
        return reference
    if isinstance(source, UnknownStyle):
        return source
    try:
        return task_of(source, definition, context.engine.manifest, reference)
    except UnknownStyle as problem:
        return problem


def _ordered(task: Task, context: RenderContext) -> Ordered:
    manifest = context.engine.manifest
    about = {
        "source_sha256": task.source.sha256,
        "style_sha256": task.style_sha256,
        "seed": task.seed,
    }
    bounds = bounds_of(task, manifest, context.bounds)
    return Ordered(task.key, about, bounds, read_sidecar(context.store, task.key))


def _described(tasks: Sequence[Task], context: RenderContext) -> list[Missing]:
    """Describe the sources of a photo's tasks, and keep the photo's embedding in the store.

    A product that was cut out is described apart from its photo, and stands in for it in the store.
    """
    sources = {id(task.source): task.source for task in tasks}
    if not sources:
        return []
    found = describe(context.quality_model, list(sources.values()))
    photos = dict(zip(sources, found, strict=True))
    kept = min(found, key=lambda photo: photo.source.product is not None)
    model = context.quality_model.net.manifest.version
    write_embedding(context.store, kept.source.sha256, kept.embedding, model)
    return [Missing(task, photos[id(task.source)]) for task in tasks]


def _draw_missing(
    plans: Sequence[Future[Plan | Permanent]], context: RenderContext
) -> dict[str, Sidecar]:
    """Return the sidecar of every picture that is drawn, by key."""
    room = Semaphore(WAITING_BATCHES * context.batch_images)
    finishing: dict[str, Future[Sidecar]] = {}
    for batch in _batches(plans, context.batch_images):
        photos = {one.task.key: one.photo for one in batch}
        tasks = [one.task for one in batch]
        for task, render in context.timed(draw(context.engine, tasks, context.batch_images)):
            room.acquire()
            future = context.executor.submit(_finish, context, task, photos[task.key], render)
            future.add_done_callback(lambda _: room.release())
            finishing[task.key] = future
    return {key: future.result() for key, future in finishing.items()}


def _batches(plans: Sequence[Future[Plan | Permanent]], size: int) -> Iterator[list[Missing]]:
    """Yield at most `size` pictures of one shape, each picture once, as soon as there are any.

    Of several shapes the one with most pictures. Plans give up their pictures. Raises what a plan
    raised.
    """
    waiting = set(plans)
    queued: dict[tuple[int, ...], list[Missing]] = defaultdict(list)
    seen: set[str] = set()
    while waiting or queued:
        done, waiting = wait(waiting, 0 if queued else None, FIRST_COMPLETED)
        for future in done:
            plan = future.result()
            if isinstance(plan, Permanent):
                continue
            for one in plan.missing:
                if one.task.key not in seen:
                    queued[one.task.source.pixels.shape].append(one)
                    seen.add(one.task.key)
            plan.missing.clear()
        if queued:
            shape = max(queued, key=lambda shape: len(queued[shape]))
            batch, rest = queued[shape][:size], queued.pop(shape)[size:]
            if rest:
                queued[shape] = rest
            yield batch


def _finish(context: RenderContext, task: Task, photo: Described, render: Floats) -> Sidecar:
    """Compose, measure, encode and store a picture; its sidecar last."""
    pixels = compose(task, render, context.engine)
    data, media_type = encode(pixels, context.format)
    suffix = f".{media_type.removeprefix('image/')}"
    address, digest = context.store.put_blob("images", data, suffix)
    height, width = pixels.shape[:2]
    target = gate_target(task, photo, context.engine.manifest)
    (quality,) = measure(context.quality_model, [target], [at_working_size(pixels, task.source)])
    sidecar = Sidecar(
        image_uri=address,
        sha256=digest,
        width=width,
        height=height,
        media_type=media_type,
        quality=quality,
    )
    return write_sidecar(context.store, task.key, sidecar)


def _outcomes(
    job: StylizeJob,
    plan: Plan | Permanent,
    drawn: Mapping[str, Sidecar],
    model: str,
    now: datetime,
) -> list[Outcome] | Permanent:
    if isinstance(plan, Permanent):
        return plan
    about = {"product_id": job.product_id, "job_id": job.job_id, "model": model, "rendered_at": now}
    return [
        _outcome({**about, "style_id": request.style_id}, order, drawn)
        for request, order in zip(job.styles, plan.ordered, strict=True)
    ]


def _outcome(
    asked: Mapping[str, Any], order: Ordered | Permanent, drawn: Mapping[str, Sidecar]
) -> Outcome:
    if isinstance(order, Permanent):
        figure = "definition" if isinstance(order, UnknownStyle) else "reference"
        reason = RejectionReason(figure=figure, text=str(order)[:500])
        return RejectedImage(kind="error", reasons=[reason], **asked)
    sidecar = order.sidecar or drawn[order.key]
    picture: dict[str, Any] = {
        "image_uri": sidecar.image_uri,
        "width": sidecar.width,
        "height": sidecar.height,
        "media_type": sidecar.media_type,
        "sha256": sidecar.sha256,
        "quality": sidecar.quality,
    }
    reasons = judge(sidecar.quality, order.bounds)
    if reasons:
        return RejectedImage(kind="gate", reasons=reasons, **asked, **order.about, **picture)
    return StylizedImage(**asked, **order.about, **picture)
