"""How much drawn clips flicker beside their sources, in every style, where nothing moves.

The clips are made of sample photos: a product stands on its ground while another slides past it,
and a product slides over its own ground, both under a sensor's noise and light that drifts. The
figure is `flicker` of the worst style and clip; the source counts as 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from stylecore.arrays import Floats

sys.path[:0] = [str(Path(__file__).parents[2])]

import numpy as np  # noqa: E402
from flicker import flicker  # noqa: E402

from schemas.events import StyleDefinition  # noqa: E402
from stylecore.imaging.foreground import product_mask  # noqa: E402
from stylecore.imaging.photo import Photo, decode, to_floats, to_pixels  # noqa: E402
from stylecore.models import GENERATOR  # noqa: E402
from stylecore.rendering.draw import Source, Task, task_of  # noqa: E402
from stylecore.rendering.engine import Engine  # noqa: E402
from stylecore.video.stabilize import draw_clip  # noqa: E402
from workers.demo.inputs import sample_products  # noqa: E402

FRAMES, SPEED = 12, 4
"""Frames a clip; px a frame."""
NOISE, DRIFT = 2 / 255, 0.02
"""Deviation of the sensor's noise; how much brighter the last frame is than the first."""
BATCH, GOAL = 9, 1.3
COMMAND = "make bench ONLY=clip_flicker"

Row = dict[str, object]


def clip_flicker() -> Row:
    """Change of renders over change of sources between neighbouring frames, outside motion."""
    engine = Engine(GENERATOR, provider="cpu")
    clips = [[*filmed(scene, seed)] for seed, scene in enumerate(scenes(engine))]
    ratios = [flicker_by_style(engine, frames) for frames in clips]
    worst = {style: max(found[style] for found in ratios) for style in ratios[0]}
    value = max(worst.values())
    return {
        "name": "clip_flicker",
        "value": value,
        "unit": "mean change outside motion to the source's",
        "baseline": f"the source; {len(clips)} moving clips of {FRAMES} frames",
        "baseline_value": 1.0,
        "ratio": value,
        "ratio_by_style": worst,
        "goal": GOAL,
        "holds": value <= GOAL,
        "command": COMMAND,
    }


def scenes(engine: Engine) -> Iterator[list[Floats]]:
    """Clips without noise: two products that another passes, two that slide themselves."""
    side = engine.manifest.working_size
    files = [Path(product.image_uri) for product in sample_products()]
    first, second, third, fourth = (
        to_floats(decode(files[len(files) * part // 4].read_bytes(), short_side=side,
                         max_pixels=10**8).pixels[:side, :side])
        for part in range(4)
    )  # fmt: skip
    for still, passing in ((first, second), (third, fourth)):
        yield [passed(still, passing, SPEED * step) for step in range(FRAMES)]
    for sliding in (second, third):
        yield [np.roll(sliding, SPEED * step, axis=1) for step in range(FRAMES)]


def passed(still: Floats, passing: Floats, columns: int) -> Floats:
    """The still photo with the other's product, half as large, before its lower left."""
    small, mask = passing[::2, ::2], product_mask(passing)[::2, ::2, None]
    frame, (height, width) = still.copy(), mask.shape[:2]
    place = np.s_[-height:, columns : columns + width]
    frame[place] += mask * (small - frame[place])
    return frame


def filmed(scene: list[Floats], seed: int) -> Iterator[Photo]:
    """The scene as a camera sees it."""
    random = np.random.default_rng(seed)
    for light, picture in zip(np.linspace(1 - DRIFT, 1, len(scene)), scene, strict=True):
        noisy = picture * light + random.normal(0, NOISE, picture.shape)
        yield Photo(to_pixels(noisy.astype(np.float32)), "")


def flicker_by_style(engine: Engine, frames: list[Photo]) -> dict[str, float]:
    """`flicker` of one clip in every style."""
    definitions = {
        style.style_id: StyleDefinition(weights={style.style_id: 1.0})
        for style in engine.manifest.styles
    }

    def tasks_of(source: Source) -> dict[str, Task]:
        return {name: task_of(source, d, engine.manifest) for name, d in definitions.items()}

    drawn = list(draw_clip(engine, frames, tasks_of, BATCH))
    sources = [to_floats(frame.pixels) for frame in frames]
    return {
        name: round(flicker(sources, [to_floats(frame.pictures[name]) for frame in drawn]), 3)
        for name in definitions
    }


FIGURES = {"clip_flicker": clip_flicker}
