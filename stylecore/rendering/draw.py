"""Draw pictures: sources, tasks, batches of one shape, and composition.

The network draws at the working size, its grid and noise aligned with the photo (grid.py). Then the
render gets its final colours (postprocess.py), and its ground and the photo's fine detail at the
size of the finished picture (composition.py). The gate judges renders, the store keeps them;
neither is done here.

`sample_renders` draws a photo in styles by the same steps, for training and for measuring.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from schemas.catalog import Aspect, Ground, Scene
from schemas.events import StyleDefinition
from stylecore.arrays import Bytes, Floats
from stylecore.imaging.foreground import has_plain_ground, matte_of
from stylecore.imaging.palette import rgb_of
from stylecore.imaging.photo import Photo, Pixels, decode, on_white, to_floats, to_pixels
from stylecore.rendering.backdrops import BACKDROPS
from stylecore.rendering.composition import ProductLayers
from stylecore.rendering.engine import Engine
from stylecore.rendering.grid import (
    GridAlignment,
    aligned_noise,
    frame_of,
    framed,
    grid_alignment,
    noise_field,
    unframed,
)
from stylecore.rendering.manifest import GeneratorManifest, PostprocessParams, blended_params
from stylecore.rendering.matte import UNCERTAIN, Cutout, placed_on_white
from stylecore.rendering.postprocess import (
    Colouring,
    Outline,
    colouring_of,
    contour_share,
    contour_tone,
    enlarged_mask,
    ground_of,
    outline_of,
    recoloured,
    surroundings,
)
from stylecore.rendering.scene import canvas_size, placed, pose_of
from stylecore.rendering.scene_colours import suited
from stylecore.rendering.style import (
    Reference,
    UnknownStyle,
    drawn_ground,
    laid_out,
    style_weights,
)
from stylecore.storage.render_cache import render_key, style_sha256


@dataclass(frozen=True)
class Product:
    """A product cut out of its photo, at the size of the finished picture."""

    alpha: Bytes
    """[H, W] of 0-255."""
    colors: Pixels
    """[H, W, 3], free of the old ground's."""
    small_alpha: Floats
    """[h, w], at the working size."""
    confidence: float


@dataclass(frozen=True)
class Source:
    """A photo in the network's terms, where its product is, and what its strokes hang on."""

    pixels: Floats
    mask: Floats
    sha256: str
    alignment: GridAlignment
    large: Pixels | None
    """The photo at the size of the finished picture, where that is larger."""
    large_mask: Bytes | None = None
    """The mask of 0-255 at the size of `large`, where there is one."""
    is_cut_out: bool = False
    """Whether the product was cut out, by the photo's alpha or its matte, and lies on white."""
    product: Product | None = None
    """The product alone, where a style asks for it and its matte is certain."""
    matte: str = ""
    """The version of the matte network that was asked."""
    notes: tuple[str, ...] = ()
    """What was put right or passed over when the photo was read, and how a scene shows it."""
    alone: Floats | None = None
    """[h, w, 3], in a scene the product alone on white, where the canvas has it."""

    @cached_property
    def outline(self) -> Outline | None:
        """Where the product meets its ground, at the working size."""
        if self.alone is not None and self.product is not None:
            return outline_of(self.product.small_alpha)
        return outline_of(self.mask)

    @cached_property
    def ground(self) -> Floats:
        """[h, w, 3], or [1, 1, 3] where it is even: the ground, also where the product hides it."""
        if self.is_cut_out:
            return np.ones((1, 1, 3), np.float32)
        if self.outline is None:
            return self.pixels
        behind = to_floats(surroundings(to_pixels(self.pixels), self.mask))
        return np.where(self.mask[..., None] < 0.5, self.pixels, behind)

    @property
    def output_size(self) -> tuple[int, int]:
        """(height, width) of the finished picture."""
        picture = self.pixels if self.large is None else self.large
        return picture.shape[0], picture.shape[1]

    @property
    def shown(self) -> Floats:
        """[h, w, 3], what a render is held against: the product alone where the rest is made up."""
        return self.pixels if self.alone is None else self.alone


@dataclass(frozen=True)
class Task:
    """One picture to draw; its key names it before it exists."""

    source: Source
    weights: Floats
    colouring: Colouring
    strength: float
    product_strength: float
    ground: Ground
    seed: int
    style_sha256: str
    key: str


@dataclass(frozen=True)
class Staging:
    """What of a style says how a photo becomes a source, other than as it is."""

    ground: Ground
    scene: Scene | None = None
    aspect: Aspect = "photo"
    colours: tuple[str, ...] | None = None
    """Of the scene, '#rrggbb'; None where they are to suit the product."""
    is_painted: bool = True
    """Whether the network is to draw a scene's product too."""


def staging_of(definition: StyleDefinition) -> Staging | None:
    """Return what a style needs its product cut out for; None where it needs none."""
    if definition.scene is not None:
        given = definition.scene.colours or tuple(definition.palette or ()) or None
        painted = product_strength_of(definition) > 0
        return Staging("scene", definition.scene, definition.aspect, given, painted)
    treated_apart = definition.product_strength is not None or definition.keep_product_colour
    if treated_apart or definition.ground != "photo":
        return Staging(definition.ground)
    return None


def product_strength_of(definition: StyleDefinition) -> float:
    """Return the strength within the product: a scene shows it as photographed unless told."""
    if definition.product_strength is not None:
        return definition.product_strength
    return definition.strength if definition.scene is None else 0.0


def source_for(cutout: Cutout, staging: Staging) -> Source:
    """Return a photo as a style needs it, given where its product is.

    On another ground than the photo's the product comes on white, as in a packshot; in a scene the
    source is its canvas. A cutout that is not certain leaves the photo whole, with a note. Raises
    UnknownStyle for a backdrop that is none.
    """
    if staging.scene is not None and staging.scene.backdrop not in BACKDROPS:
        there = ", ".join(BACKDROPS)
        raise UnknownStyle(f"no backdrop {staging.scene.backdrop!r}; there are: {there}")
    photo = cutout.photo
    if not cutout.is_certain:
        whole = source_of(photo)
        return replace(whole, notes=(*whole.notes, UNCERTAIN), matte=cutout.version)
    if staging.scene is not None:
        return _scene_source(cutout, staging, staging.scene)
    if staging.ground == "photo" or photo.alpha is not None:
        source = source_of(photo)
    else:
        placed = placed_on_white(cutout)
        pixels = to_floats(placed.pixels)
        source = Source(
            pixels=pixels,
            mask=cutout.alpha,
            sha256=photo.sha256,
            alignment=grid_alignment(pixels),
            large=placed.large,
            large_mask=placed.large_alpha,
            is_cut_out=True,
            notes=photo.notes,
        )
    alpha = to_pixels(cutout.largest[1])
    product = Product(alpha, cutout.colors, cutout.alpha, cutout.confidence)
    return replace(source, product=product, matte=cutout.version)


def _scene_source(cutout: Cutout, staging: Staging, scene: Scene) -> Source:
    """Return the canvas of a scene."""
    photo, (_, alpha) = cutout.photo, cutout.largest
    small, matte = to_floats(photo.pixels), cutout.alpha
    if staging.colours is None:
        colours = suited(scene.backdrop, small, matte, scene.seed)
    else:
        colours = list(rgb_of(staging.colours))
    is_studio_shot = photo.alpha is not None or has_plain_ground(matte_of(small, None))
    pose = pose_of(matte, is_studio_shot)
    size = canvas_size(alpha.shape, staging.aspect)
    laid = placed(cutout.colors, alpha, scene, colours, size, pose)
    large = laid.backdrop
    if staging.is_painted:
        large = _over(laid.colors, laid.alpha, large)
    working = canvas_size(photo.pixels.shape[:2], staging.aspect)
    pixels = to_floats(_resized(large, working))
    small_alpha = np.asarray(_resized(to_pixels(laid.alpha), working), np.float32) / np.float32(255)
    alone = _over(laid.colors, laid.alpha, np.full_like(laid.colors, 255))
    return Source(
        pixels=pixels,
        mask=np.ones(working, np.float32),
        sha256=photo.sha256,
        alignment=grid_alignment(pixels),
        large=large if size != working else None,
        large_mask=np.full(size, 255, np.uint8) if size != working else None,
        product=Product(to_pixels(laid.alpha), laid.colors, small_alpha, cutout.confidence),
        matte=cutout.version,
        notes=(*photo.notes, f"product-{laid.pose}"),
        alone=to_floats(_resized(alone, working)),
    )


def _over(colors: Pixels, alpha: Floats, ground: Pixels) -> Pixels:
    """Lay a product over a ground [H, W, 3]."""
    below = ground.astype(np.float32)
    return (below + alpha[..., None] * (colors - below) + 0.5).astype(np.uint8)


def _resized(pixels: Bytes, size: tuple[int, int]) -> Bytes:
    """Return pixels [H, W] or [H, W, 3] at the size (height, width)."""
    picture = Image.fromarray(pixels)
    wanted = (size[1], size[0])
    if picture.size == wanted:
        return pixels
    return np.asarray(picture.resize(wanted, Image.Resampling.LANCZOS, reducing_gap=3.0))


def source_of(photo: Photo) -> Source:
    """Return the photo with its product mask: its own alpha, or what stands on plain ground."""
    floats = to_floats(photo.pixels)
    mask = matte_of(floats, None if photo.alpha is None else to_floats(photo.alpha))
    return Source(
        pixels=floats,
        mask=mask,
        sha256=photo.sha256,
        alignment=grid_alignment(floats),
        large=photo.large,
        large_mask=_large_mask(photo, mask),
        is_cut_out=photo.alpha is not None,
        notes=photo.notes,
    )


def _large_mask(photo: Photo, mask: Floats) -> Bytes | None:
    if photo.large is None:
        return None
    if photo.alpha is None or photo.large_alpha is None:
        return to_pixels(enlarged_mask(mask, photo.large))
    if np.array_equal(mask, to_floats(photo.alpha)):
        return photo.large_alpha
    return np.minimum(photo.large_alpha, to_pixels(enlarged_mask(mask, photo.large)))


def task_of(
    source: Source,
    definition: StyleDefinition,
    manifest: GeneratorManifest,
    reference: Reference | None = None,
) -> Task:
    """Return the picture of a source in a style, given the reference picture that it names, if any.

    Raises UnknownStyle.
    """
    style = style_sha256(definition, reference.sha256 if reference else None)
    return Task(
        source=source,
        weights=reference.weights if reference else style_weights(definition, manifest),
        colouring=colouring_of(definition, reference),
        strength=definition.strength,
        product_strength=product_strength_of(definition),
        ground=definition.ground,
        seed=definition.seed,
        style_sha256=style,
        key=render_key(
            source=_read_as(source),
            style=style,
            model=_model(manifest, reference),
            size=min(source.output_size),
            seed=definition.seed,
        ),
    )


def _read_as(source: Source) -> str:
    """The photo's bytes, and what of them earlier versions did not heed: profile, alpha, matte."""
    heeded = [*source.notes, *(["alpha"] if source.is_cut_out else [])]
    if source.matte:
        heeded.append(f"matte {source.matte}")
    return " ".join([source.sha256, *heeded])


def _model(manifest: GeneratorManifest, reference: Reference | None) -> str:
    """The versions of the networks that draw: the generator, under a reference the encoder too."""
    if reference is None or manifest.reference is None:
        return manifest.version
    return f"{manifest.version} {manifest.reference.sha256}"


def draw(engine: Engine, tasks: Iterable[Task], batch_images: int) -> Iterator[tuple[Task, Floats]]:
    """Each task with what the network drew for it, [H, W, 3]; pictures of one shape together."""
    for batch in batches_by_shape(tasks, batch_images):
        yield from zip(batch, _render(engine, batch), strict=True)


def batches_by_shape(tasks: Iterable[Task], size: int) -> Iterator[list[Task]]:
    """Yield the tasks in lists of at most `size` pictures of one shape."""
    shapes: dict[tuple[int, ...], list[Task]] = defaultdict(list)
    for task in tasks:
        shapes[task.source.pixels.shape].append(task)
    for alike in shapes.values():
        for start in range(0, len(alike), size):
            yield alike[start : start + size]


def compose(task: Task, render: Floats, engine: Engine) -> Pixels:
    """Return the finished picture: the render, on even ground where the photo's is plain.

    It has the size of the large photo where there is one. A product that was cut out keeps a
    contour where it is like its ground. Strength 0 gives the photo back, within the product its own
    strength. [H, W, 4] with alpha where the ground is to be transparent and the product is known.
    """
    source, product = task.source, task.source.product
    planes = _planes(task, render, engine)
    photo = to_pixels(source.pixels) if source.large is None else source.large
    mask = to_pixels(source.mask) if source.large_mask is None else source.large_mask
    ground = _ground(task, engine.manifest)
    layers = None
    if source.is_cut_out or (product is not None and not _is_drawn_alike(task)):
        layers = _layers(task, planes, photo, ground)
    strengths = (task.strength, task.product_strength)
    picture = engine.composition.mixed(planes, photo, mask, ground, strengths, layers)
    if product is not None and task.ground == "transparent":
        return np.dstack([picture, product.alpha])
    return picture


def _planes(task: Task, render: Floats, engine: Engine) -> Floats:
    """Return what is enlarged, [5, h, w], in its final colours."""
    source, manifest, small_planes = task.source, engine.manifest, engine.composition.small_planes
    params = blended_params([style.finish for style in manifest.styles], task.weights.tolist())
    if not task.colouring.changes:
        return small_planes(render, source.pixels, params)
    finished = msgspec.structs.replace(params, detail=0.0)
    drawn = small_planes(render, source.pixels, finished)[:3].transpose(1, 2, 0) / np.float32(255)
    product = None if source.product is None else source.product.small_alpha
    own_ground = drawn_ground(task.weights, manifest)
    drawn = recoloured(drawn, source.pixels, source.mask, own_ground, task.colouring, product)
    return small_planes(drawn, source.pixels, PostprocessParams(detail=params.detail))


def _layers(task: Task, planes: Floats, photo: Pixels, ground: Floats) -> ProductLayers:
    source, product = task.source, task.source.product
    contour = np.zeros(source.mask.shape, np.float32)
    if source.is_cut_out and source.outline is not None:
        near = source.outline.near
        lying = laid_out(ground, source.ground)[0, 0]
        drawn = planes[:3, near].T / np.float32(255)
        shown = lying + source.mask[near, None] * (drawn - lying)
        contour = contour_share(shown, lying, source.outline)
    tone = 255 * contour_tone(laid_out(ground, np.ones(3, np.float32)))
    if product is None or _is_drawn_alike(task):
        return ProductLayers(contour, tone, photo, np.zeros(photo.shape[:2], np.uint8))
    alpha = product.alpha
    if task.ground == "transparent":  # the colours go up to the edge; the alpha is kept apart
        alpha = np.full_like(alpha, 255)
    return ProductLayers(contour, tone, product.colors, alpha)


def _is_drawn_alike(task: Task) -> bool:
    """Whether the product needs no other treatment than the whole."""
    return task.product_strength == task.strength and task.ground != "transparent"


def meant_ground(task: Task, manifest: GeneratorManifest) -> Floats:
    """Return what plain ground becomes in the finished picture, at the working size.

    [H, W, 3], or [1, 1, 3] where it is even.
    """
    photo, ground = task.source.ground, _ground(task, manifest)
    if task.strength == 1 and ground[0] == 0:
        return ground[None, None, 1:]
    lying = laid_out(ground, photo)
    return photo + np.float32(task.strength) * (lying - photo)


def at_working_size(pixels: Pixels, source: Source) -> Pixels:
    """Return a finished picture as small as the network's, for figures and contact sheets.

    A transparent one lies on white.
    """
    picture = on_white(Image.fromarray(pixels))
    if source.large is None:
        return np.asarray(picture)
    height, width = source.pixels.shape[:2]
    return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0))


def _render(engine: Engine, batch: Sequence[Task]) -> list[Floats]:
    multiple = engine.manifest.size_multiple
    height, width = batch[0].source.pixels.shape[:2]
    frames = [frame_of(task.source.alignment, multiple) for task in batch]
    framed_photos = [
        framed(task.source.pixels, frame, multiple)
        for task, frame in zip(batch, frames, strict=True)
    ]
    size = framed_photos[0].shape[:2]
    noise = [
        aligned_noise(_noise(task.seed, *size), task.source.alignment, frame)
        for task, frame in zip(batch, frames, strict=True)
    ]
    weights = np.stack([task.weights for task in batch])
    renders = engine.render(np.stack(framed_photos), weights, np.stack(noise))
    return [
        unframed(render, frame, height, width)
        for render, frame in zip(renders, frames, strict=True)
    ]


def _ground(task: Task, manifest: GeneratorManifest) -> Floats:
    """Return [4], the photo's share of the ground and its colour of 0-1."""
    if task.ground == "transparent" and task.source.product is not None:
        return np.array([0, 1, 1, 1], np.float32)
    return ground_of(drawn_ground(task.weights, manifest), task.colouring)


@lru_cache(maxsize=32)
def _noise(seed: int, height: int, width: int) -> Floats:
    return noise_field(seed, height, width)


MAX_PIXELS = 50_000_000
BATCH_IMAGES = 4


@dataclass(frozen=True)
class SampleRenders:
    """A photo at the generator's working size, and style id to render, all [H, W, 3] of 0-255."""

    photo: Pixels
    renders: dict[str, Pixels]


def sample_renders(
    engine: Engine, photo: Path, styles: Sequence[str], seed: int = 0
) -> SampleRenders:
    """Draw one photo. Raises NotAPhoto, UnknownStyle."""
    side = engine.manifest.working_size
    decoded = decode(photo.read_bytes(), short_side=side, max_pixels=MAX_PIXELS)
    source = source_of(decoded)
    tasks = [
        task_of(source, StyleDefinition(weights={style: 1.0}, seed=seed), engine.manifest)
        for style in styles
    ]
    names = {task.key: style for task, style in zip(tasks, styles, strict=True)}
    drawn = draw(engine, tasks, BATCH_IMAGES)
    renders = {names[task.key]: compose(task, render, engine) for task, render in drawn}
    return SampleRenders(decoded.pixels, renders)
