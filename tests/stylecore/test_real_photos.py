"""Real photos that nobody trained on; they are looked for where STYLECAST_DATA says."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from schemas.events import StyleDefinition
from stylecore.imaging.photo import decode, to_floats
from stylecore.models import FEATURES, GENERATOR
from stylecore.rendering.draw import compose, draw, source_of, task_of
from stylecore.rendering.engine import Engine
from stylecore.rendering.gate import load_quality_model, verdict
from stylecore.rendering.manifest import Bounds, load_manifest

DATA = os.environ.get("STYLECAST_DATA")

pytestmark = [
    pytest.mark.data,
    pytest.mark.timeout(1800),  # hundreds of pictures, beside whatever else draws
    pytest.mark.skipif(DATA is None, reason="STYLECAST_DATA names no folder of real photos"),
]

PHOTOS = 24


@pytest.fixture(scope="module")
def renders():
    """(style, task, picture) of photos spread over all categories, in every style."""
    engine = Engine(GENERATOR, provider="cpu", threads=2)
    paths = sorted(Path(DATA, "products", "test").rglob("*.jpg"))
    chosen = [paths[place] for place in np.linspace(0, len(paths) - 1, PHOTOS).astype(int)]
    sources = [source_of(decode(p.read_bytes(), short_side=256, max_pixels=10**8)) for p in chosen]
    tasks = {
        style.style_id: [
            task_of(source, StyleDefinition(weights={style.style_id: 1.0}), engine.manifest)
            for source in sources
        ]
        for style in engine.manifest.styles
    }
    return [
        (style, task, compose(task, planes, engine))
        for style, wanted in tasks.items()
        for task, planes in draw(engine, wanted, 4)
    ]


def test_the_gates_bounds_let_nearly_all_through_in_every_style(renders):
    quality_model, manifest = load_quality_model(FEATURES), load_manifest(GENERATOR)
    missed = {
        (style, place): reasons
        for place, (style, task, picture) in enumerate(renders)
        if (reasons := verdict(quality_model, manifest, Bounds(), task, picture))
    }
    by_style = Counter(style for style, _ in missed)
    assert max(by_style.values(), default=0) <= 0.25 * PHOTOS, missed
    assert len(missed) <= 0.07 * len(renders), missed


def test_every_style_changes_the_photo_and_no_two_styles_are_alike(renders):
    by_style = {}
    for style, task, picture in renders:
        render = to_floats(picture)
        assert np.abs(render - task.source.pixels).mean() > 0.02, style
        by_style.setdefault(style, []).append(render)
    names = list(by_style)
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            pairs = zip(by_style[one], by_style[other], strict=True)
            assert np.mean([np.abs(a - b).mean() for a, b in pairs]) > 0.03, (one, other)
