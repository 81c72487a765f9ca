"""Painters: the serving path, the teachers, and a network of two pictures."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from stylecore.errors import SettingsError
from stylecore.evaluation.latency import instance_norm_network, medians
from stylecore.evaluation.painters import (
    full_size,
    generator_painter,
    has_teacher,
    style_transfer_painter,
    teacher_painter,
)
from stylecore.imaging.photo import Photo
from stylecore.models import GENERATOR
from stylecore.rendering.engine import Engine


def photo(seed: int, height: int = 96, width: int = 128) -> Photo:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return Photo(pixels, str(seed))


@pytest.fixture
def references(tmp_path):
    """One white and one black reference of ink-line."""
    for name, colour in (("1", "white"), ("2", "black")):
        (tmp_path / "ink-line").mkdir(exist_ok=True)
        Image.new("RGB", (90, 120), colour).save(tmp_path / "ink-line" / f"{name}.png")
    return tmp_path


def averaging_network(path, inputs=("content", "style")):
    """Content plus the style's mean colour, halved: any two sizes."""
    shapes = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, None, None])
        for name in inputs
    ]
    nodes = [
        helper.make_node("GlobalAveragePool", [inputs[-1]], ["mean"]),
        helper.make_node("Mean", [inputs[0], "mean"], ["render"]),
    ]
    output = helper.make_tensor_value_info("render", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "averaging", shapes, [output])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def test_a_network_of_two_pictures_takes_the_references_in_turn(tmp_path, references):
    paint = style_transfer_painter(averaging_network(tmp_path / "two.onnx"), references, threads=1)
    photos = [photo(1, 90, 101), photo(2), photo(3)]
    renders = paint(photos, "ink-line")
    for given, render, added in zip(photos, renders, (255, 0, 255), strict=True):
        np.testing.assert_allclose(render, (given.pixels.astype(float) + added) / 2, atol=1)


def test_another_network_is_refused(tmp_path, references):
    one = averaging_network(tmp_path / "one.onnx", inputs=("picture",))
    with pytest.raises(SettingsError, match="content and a style"):
        style_transfer_painter(one, references, threads=1)
    with pytest.raises(SettingsError, match="no ONNX file"):
        style_transfer_painter(tmp_path / "none.onnx", references, threads=1)


def test_the_generator_draws_every_photo_in_its_size_and_in_order():
    engine = Engine(GENERATOR, provider="cpu", threads=1)
    photos = [photo(1), photo(2, 64, 96), photo(3)]
    together = generator_painter(engine, 1)(photos, "neon")
    alone = [generator_painter(engine, 1)([one], "neon")[0] for one in photos]
    for render, one, given in zip(together, alone, photos, strict=True):
        assert render.shape == given.pixels.shape
        assert np.abs(render.astype(int) - one).max() <= 1


def test_the_generator_finishes_pictures_at_full_size():
    engine = Engine(GENERATOR, provider="cpu", threads=1)
    page = np.full((512, 512, 3), 255, np.uint8)
    page[100:400, 100:400] = (20, 60, 120)
    (render,) = full_size(engine, 1)([page], "pop-art")
    assert render.shape == page.shape


def test_a_teacher_needs_references_unless_its_style_has_none(references):
    assert has_teacher("neon", [])
    assert has_teacher("van-gogh", ["van-gogh"])
    assert not has_teacher("van-gogh", ["ink-line"])
    assert not has_teacher("unheard-of", ["unheard-of"])
    (painted,) = teacher_painter(references, 1, threads=1)([photo(1)], "ink-line")
    assert painted.shape == (96, 128, 3)


def test_the_network_that_speed_is_compared_with_has_1_71_million_parameters():
    _, parameters = instance_norm_network(np.random.default_rng(0))
    assert round(parameters / 1e6, 2) == 1.71


def test_times_are_medians_of_jobs_in_turn_without_the_first():
    ticks = iter([0, 100, 100, 200, 200, 201, 201, 203, 203, 206, 206, 210, 210, 215, 215, 217])
    taken = medians({"a": lambda: None, "b": lambda: None}, 3, lambda: float(next(ticks)))
    assert taken == {"a": 3.0, "b": 2.0}
