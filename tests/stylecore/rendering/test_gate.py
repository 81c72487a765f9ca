"""The gate lets through what is still the product in its style, and says what is not, and why."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import structural_similarity

from schemas.events import Quality, StyleDefinition
from stylecore.imaging.foreground import has_plain_ground
from stylecore.imaging.photo import LUMA, Photo, decode, to_floats, to_pixels
from stylecore.models import FEATURES, GENERATOR
from stylecore.rendering import gate
from stylecore.rendering.draw import Task, compose, draw, source_of, task_of
from stylecore.rendering.engine import Engine
from stylecore.rendering.gate import (
    bounds_of,
    describe,
    gate_target,
    load_quality_model,
    luminance,
    measure,
    structure,
)
from stylecore.rendering.manifest import Bounds, judge
from stylecore.rendering.postprocess import Colouring
from stylecore.rendering.style import Reference
from workers.demo.inputs import sample_products

PHOTOS = [Path(product.image_uri) for product in sample_products()[::5]]
STYLES = ["watercolour", "ink-line"]
"""Styles that the feature network tells from a photo; in van-gogh and vintage-film a copy passes.
"""


@pytest.fixture(scope="module")
def engine():
    return Engine(GENERATOR, provider="cpu", threads=1)


@pytest.fixture(scope="module")
def quality_model():
    return load_quality_model(FEATURES)


@dataclass
class Sample:
    """A photo's task in a style, its picture, and a way to the gate's reasons for any picture."""

    task: Task
    picture: np.ndarray
    missed: Callable[[np.ndarray], set[str]]


@pytest.fixture(scope="module")
def samples(engine, quality_model):
    """Style to one sample a photo."""
    sources = [
        source_of(decode(photo.read_bytes(), short_side=256, max_pixels=10**7)) for photo in PHOTOS
    ]
    by_style = {}
    for style in STYLES:
        tasks = [task(engine, source, weights={style: 1.0}) for source in sources]
        by_style[style] = [
            Sample(
                task,
                compose(task, render, engine),
                reasons_of(engine, quality_model, task),
            )
            for task, render in draw(engine, tasks, 4)
        ]
    return by_style


def task(engine, source, **definition):
    return task_of(source, StyleDefinition(**definition), engine.manifest)


def reasons_of(engine, quality_model, task):
    def missed(picture):
        reasons = gate.verdict(quality_model, engine.manifest, Bounds(), task, picture)
        return {reason.figure for reason in reasons}

    return missed


def every(samples):
    return [sample for some in samples.values() for sample in some]


def share(samples, figure, broken):
    """How many pictures that `broken` makes of samples the figure rejects."""
    return np.mean([figure in sample.missed(broken(sample)) for sample in every(samples)])


def test_good_renders_pass(samples):
    rejected = [sample.missed(sample.picture) for sample in every(samples)]
    assert np.mean([not reasons for reasons in rejected]) >= 0.9, rejected


def test_a_copy_of_the_photo_misses_the_style(samples):
    assert share(samples, "style", lambda sample: to_pixels(sample.task.source.pixels)) >= 0.75


def test_another_products_render_is_rejected_mostly_by_its_identity(samples):
    reasons = [
        sample.missed(other.picture)
        for some in samples.values()
        for sample, other in zip(some, [*some[1:], some[0]], strict=True)
    ]
    assert all(reasons)
    assert np.mean(["identity" in figures for figures in reasons]) >= 0.8


def test_mush_is_rejected_mostly_by_its_structure(samples):
    def mush(sample):
        return to_pixels(ndimage.gaussian_filter(to_floats(sample.picture), (8, 8, 0)))

    assert np.mean([bool(sample.missed(mush(sample))) for sample in every(samples)]) >= 0.9
    assert share(samples, "structure", mush) >= 0.6


def test_dirty_ground_misses_the_background(samples):
    def dirty(sample):
        return to_pixels(to_floats(sample.picture) * np.float32(0.85))

    plain = [sample for sample in every(samples) if has_plain_ground(sample.task.source.mask)]
    assert len(plain) > len(every(samples)) / 2
    assert all("background" in sample.missed(dirty(sample)) for sample in plain)


def test_the_photo_itself_is_found_again_and_has_all_structure(engine, quality_model, samples):
    for sample in samples[STYLES[0]]:
        photo = sample.task.source
        (described,) = describe(quality_model, [photo])
        wanted = gate_target(sample.task, described, engine.manifest)
        (quality,) = measure(quality_model, [wanted], [to_pixels(photo.pixels)])
        assert quality.identity > 0
        assert quality.structure == pytest.approx(1)


def test_structure_is_the_published_ssim_weighed_by_the_photos_deviation(samples):
    photo = samples[STYLES[0]][0].task.source.pixels
    before, after = photo @ LUMA, ndimage.gaussian_filter(photo, (2, 2, 0)) @ LUMA
    _, published = structural_similarity(
        before,
        after,
        gaussian_weights=True,
        use_sample_covariance=False,
        data_range=1.0,
        full=True,
    )
    mean = ndimage.gaussian_filter(before, 1.5, truncate=3.5)
    squares = ndimage.gaussian_filter(before * before, 1.5, truncate=3.5)
    weights = np.sqrt(np.maximum(squares - mean**2, 0))
    assert structure(luminance(before), after) == pytest.approx(
        np.average(published, weights=weights), abs=1e-4
    )
    assert structure(luminance(before), 1 - before) == pytest.approx(1, abs=1e-4)


def test_a_photo_without_structure_has_lost_none():
    flat = np.full((64, 64), 0.5, np.float32)
    assert structure(luminance(flat), flat) == pytest.approx(1)


def test_a_blends_style_is_the_sum_of_its_parts_and_its_bounds_their_mean(engine, samples):
    source = samples["watercolour"][0].task.source
    blend = task(engine, source, weights={"watercolour": 3.0, "neon": 1.0})
    probabilities = np.array([0.5, 0.2, 0.3], np.float32)
    wanted = gate_target(blend, np.zeros(1), engine.manifest).styles
    found = gate.style(probabilities, ("watercolour", "pastel", "neon"), wanted)
    assert found == pytest.approx(0.8)
    own = {style.style_id: style.bounds for style in engine.manifest.styles}
    mean = 0.75 * own["watercolour"].structure + 0.25 * own["neon"].structure
    assert bounds_of(blend, engine.manifest, Bounds()).structure == pytest.approx(mean)


def test_the_style_is_not_judged_where_the_photo_or_other_colours_shall_show(engine, samples):
    source = samples["watercolour"][0].task.source
    weights = {"watercolour": 1.0}
    faint = task(engine, source, weights=weights, strength=0.6)
    own = task(engine, source, weights=weights, keep_product_colour=True)
    palette = task(engine, source, weights=weights, palette=["#0a3d62"])
    for asked in (faint, own, palette):
        assert not gate_target(asked, np.zeros(1), engine.manifest).styles
    assert gate_target(
        task(engine, source, weights=weights, strength=0.7), np.zeros(1), engine.manifest
    ).styles


def test_a_reference_is_held_to_the_loosest_bounds(engine, samples):
    asked = samples["watercolour"][0].task
    seen = Reference(asked.weights, None, None, None, "0" * 64)
    referenced = replace(asked, colouring=Colouring(reference=seen))
    bounds = bounds_of(referenced, engine.manifest, Bounds())
    styles = engine.manifest.styles
    assert bounds.structure == min(style.bounds.structure for style in styles)
    assert bounds.background == max(style.bounds.background for style in styles)


def test_a_setting_stands_in_place_of_the_manifests_bound(engine, samples):
    asked = samples["watercolour"][0].task
    found = bounds_of(asked, engine.manifest, Bounds(structure=0.9))
    assert found.structure == 0.9
    assert found.identity == bounds_of(asked, engine.manifest, Bounds()).identity


def test_a_photo_without_plain_ground_has_no_figure_of_it(engine, quality_model, samples):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    asked = replace(samples["watercolour"][0].task, source=source_of(Photo(noise, "0" * 64)))
    (photo,) = describe(quality_model, [asked.source])
    (quality,) = measure(quality_model, [gate_target(asked, photo, engine.manifest)], [noise])
    assert quality.background is None


def test_what_was_not_measured_or_has_no_bound_rejects_nothing():
    assert judge(Quality(structure=0.1), Bounds(style=0.5)) == []
    reasons = judge(Quality(structure=0.1, background=9.0), Bounds(structure=0.2, background=5.0))
    assert [(r.figure, r.value, r.bound) for r in reasons] == [
        ("structure", 0.1, 0.2),
        ("background", 9.0, 5.0),
    ]
