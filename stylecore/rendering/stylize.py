"""Turn jobs into renders: load, draw, judge, store.

A render that exists is not drawn again: its key is known before the work, and the sidecar under
that key, written last, holds what was drawn. Pictures of one shape are drawn together, whichever
job they belong to; while the network draws a batch, earlier ones are judged and stored by other
threads. Photos and reference pictures are fetched at the same time, each address once for all jobs
of a call: its content may change between calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from schemas.events import (
    RejectedImage,
    RejectionReason,
    StyleDefinition,
    StyleRequest,
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
from stylecore.rendering.gate import QualityModel, bounds_of, describe, gate_target, measure
from stylecore.rendering.manifest import Bounds, judge
from stylecore.rendering.matte import Cutout, MatteNet, cut_out
from stylecore.rendering.style import NO_REFERENCES, Reference, UnknownStyle
from stylecore.storage.fetch import results_of, submit_each
from stylecore.storage.render_cache import Sidecar, read_sidecar, write_embedding, write_sidecar
from stylecore.storage.store import Store

Outcome = StylizedImage | RejectedImage
Plan = list[Task | Permanent] | Permanent
"""What is to be done for each style of a job, or why the whole job fails."""
Photos = Mapping[str, Photo | Permanent]
References = Mapping[str, Reference | Permanent]

FETCHING_THREADS = 32
"""They wait for hosts; one that does not answer must not keep others waiting."""


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


def stylize(
    jobs: Sequence[StylizeJob], context: RenderContext, now: datetime
) -> list[list[Outcome] | Permanent]:
    """Draw jobs; the result has their length and order.

    An outcome a style, in the job's order, or the error for which the whole job failed. Raises
    Transient where the store is away; the call can then be repeated, and draws what is missing.
    """
    plan_of = partial(_plan, context, *_pictures(jobs, context))
    plans = list(context.executor.map(plan_of, jobs))
    drawn = _draw_missing(_tasks(plans), context)
    return [
        plan
        if isinstance(plan, Permanent)
        else [
            _outcome(context, job, request, task, drawn, now)
            for request, task in zip(job.styles, plan, strict=True)
        ]
        for job, plan in zip(jobs, plans, strict=True)
    ]


def _pictures(jobs: Sequence[StylizeJob], context: RenderContext) -> tuple[Photos, References]:
    """Return every photo and reference picture of the jobs by address, or why it cannot be had."""
    photos = {job.image_uri for job in jobs}
    references = {
        uri
        for job in jobs
        for request in job.styles
        if (uri := request.definition.reference_uri) is not None
    }
    with ThreadPoolExecutor(FETCHING_THREADS, "fetch") as fetchers:
        found = submit_each(context.load_photo, photos, fetchers)
        named = submit_each(context.load_reference, references, fetchers)
        return results_of(found), results_of(named)


def _plan(context: RenderContext, photos: Photos, references: References, job: StylizeJob) -> Plan:
    photo = photos[job.image_uri]
    if isinstance(photo, Permanent):
        return photo
    sources = _sources(photo, {staging_of(it.definition) for it in job.styles}, context)
    return [
        _task(
            context,
            sources[staging_of(request.definition)],
            request.definition,
            references.get(request.definition.reference_uri or ""),
        )
        for request in job.styles
    ]


def _sources(
    photo: Photo, stagings: set[Staging | None], context: RenderContext
) -> dict[Staging | None, Source | UnknownStyle]:
    """Return the photo as each staging needs it, its product cut out once; as it is for None."""
    sources: dict[Staging | None, Source | UnknownStyle] = {}
    if None in stagings:
        sources[None] = source_of(photo)
    if to_cut := [staging for staging in stagings if staging is not None]:
        cutout = cut_out(photo, context.matte_net)
        sources |= {staging: _staged(photo, staging, cutout) for staging in to_cut}
    return sources


def _staged(photo: Photo, staging: Staging, cutout: Cutout) -> Source | UnknownStyle:
    try:
        return source_for(photo, staging, cutout)
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


def _tasks(plans: Iterable[Plan]) -> list[Task]:
    """Return what is to be drawn, each render once."""
    tasks = {
        task.key: task
        for plan in plans
        if not isinstance(plan, Permanent)
        for task in plan
        if isinstance(task, Task)
    }
    return list(tasks.values())


def _draw_missing(tasks: Sequence[Task], context: RenderContext) -> dict[str, Sidecar]:
    """Return the sidecar of every task, by key."""
    found = context.executor.map(lambda task: read_sidecar(context.store, task.key), tasks)
    sidecars = {task.key: sidecar for task, sidecar in zip(tasks, found, strict=True) if sidecar}
    missing = [task for task in tasks if task.key not in sidecars]
    embeddings = _embeddings(missing, context)
    finishing = {
        task.key: context.executor.submit(
            _finish, context, task, embeddings[_described(task.source)], render
        )
        for task, render in context.timed(draw(context.engine, missing, context.batch_images))
    }
    return sidecars | {key: future.result() for key, future in finishing.items()}


def _described(source: Source) -> tuple[str, bool]:
    return source.sha256, source.is_cut_out or source.alone is not None


def _embeddings(tasks: Sequence[Task], context: RenderContext) -> dict[tuple[str, bool], Floats]:
    """The embedding of every source that is drawn; those of photos are kept in the store as well.

    A product on white is described apart from its photo, and stands in for it in the store.
    """
    sources = {_described(task.source): task.source for task in tasks}
    if not sources:
        return {}
    found = dict(zip(sources, describe(context.quality_model, list(sources.values())), strict=True))
    model = context.quality_model.net.manifest.version
    photos = {sha256: found[sha256, cut] for sha256, cut in sorted(found, reverse=True)}
    kept = context.executor.map(
        lambda sha256: write_embedding(context.store, sha256, photos[sha256], model), photos
    )
    list(kept)
    return found


def _finish(context: RenderContext, task: Task, embedding: Floats, render: Floats) -> Sidecar:
    """Compose, measure, encode and store a picture; its sidecar last."""
    pixels = compose(task, render, context.engine)
    data, media_type = encode(pixels, context.format)
    suffix = f".{media_type.removeprefix('image/')}"
    address, digest = context.store.put_blob("images", data, suffix)
    height, width = pixels.shape[:2]
    target = gate_target(task, embedding, context.engine.manifest)
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


def _outcome(
    context: RenderContext,
    job: StylizeJob,
    request: StyleRequest,
    task: Task | Permanent,
    drawn: dict[str, Sidecar],
    now: datetime,
) -> Outcome:
    model = context.engine.manifest.version
    if isinstance(task, Permanent):
        figure = "definition" if isinstance(task, UnknownStyle) else "reference"
        return RejectedImage(
            product_id=job.product_id,
            style_id=request.style_id,
            kind="error",
            reasons=[RejectionReason(figure=figure, text=str(task)[:500])],
            model=model,
            rendered_at=now,
            job_id=job.job_id,
        )
    sidecar = drawn[task.key]
    picture: dict[str, Any] = {
        "product_id": job.product_id,
        "style_id": request.style_id,
        "image_uri": sidecar.image_uri,
        "width": sidecar.width,
        "height": sidecar.height,
        "media_type": sidecar.media_type,
        "sha256": sidecar.sha256,
        "source_sha256": task.source.sha256,
        "style_sha256": task.style_sha256,
        "model": model,
        "quality": sidecar.quality,
        "seed": task.seed,
        "rendered_at": now,
        "job_id": job.job_id,
    }
    reasons = judge(sidecar.quality, bounds_of(task, context.engine.manifest, context.bounds))
    if reasons:
        return RejectedImage(kind="gate", reasons=reasons, **picture)
    return StylizedImage(**picture)
