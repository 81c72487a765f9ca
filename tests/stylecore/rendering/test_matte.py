"""What cutting out promises: networks that are none, photos without product, each ground."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image, ImageDraw

from schemas.events import StyleDefinition
from stylecore.errors import Permanent, SettingsError
from stylecore.imaging.photo import Photo, decode, to_floats
from stylecore.models import GENERATOR, MATTE
from stylecore.rendering.draw import (
    Staging,
    at_working_size,
    compose,
    draw,
    source_for,
    staging_of,
    task_of,
)
from stylecore.rendering.engine import Engine
from stylecore.rendering.matte import UNCERTAIN, Cutout, MatteNet, cut_out, placed_on_white
from workers.demo.inputs import sample_products

PHOTO = Path(sample_products()[0].image_uri)


@pytest.fixture(scope="module")
def net():
    return MatteNet(MATTE)


@pytest.fixture(scope="module")
def engine():
    return Engine(GENERATOR, provider="cpu", threads=1)


def decoded(file, output_side=0):
    return decode(file.read_bytes(), short_side=128, max_pixels=10**7, output_side=output_side)


def photo_of(pixels, alpha=None):
    return Photo(np.asarray(pixels, np.uint8), "0" * 64, None, alpha, None, ())


def write_network(file, operator, *, channels=1, inputs=1):
    """An ONNX file of one operator on the mean of the photo's channels."""
    shape = [1, 3, "height", "width"]
    given = [
        helper.make_tensor_value_info(f"in{number}", TensorProto.FLOAT, shape)
        for number in range(inputs)
    ]
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, channels, "height", "width"])
    axes = onnx.numpy_helper.from_array(np.array([1], np.int64), "axes")
    nodes = [helper.make_node("ReduceMean", ["in0", "axes"], ["mean"], keepdims=1)]
    if channels == 1:
        nodes.append(helper.make_node(operator, ["mean"], ["out"]))
    else:
        nodes = [helper.make_node(operator, ["in0"], ["out"])]
    graph = helper.make_graph(nodes, "g", given, [out], [axes])
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), file)
    return file


def test_a_network_of_somebodys_own_is_served(tmp_path):
    net = MatteNet(write_network(tmp_path / "own.onnx", "Sigmoid"))
    alpha = net.alpha(np.zeros((100, 200, 3), np.uint8))
    assert alpha.shape == (256, 512)
    assert alpha == pytest.approx(0.5)
    assert len(net.version) == 12


@pytest.mark.parametrize(
    ("operator", "options", "reason"),
    [
        ("Sigmoid", {"channels": 3}, r"output of .* has the shape"),
        ("Sigmoid", {"inputs": 2}, "2 inputs"),
        ("Log", {}, "not in 0 to 1"),
        ("Neg", {}, "not in 0 to 1"),
    ],
)
def test_a_network_that_is_no_matte_network_is_refused_with_what_is_wrong(
    tmp_path, operator, options, reason
):
    with pytest.raises(SettingsError, match=reason):
        MatteNet(write_network(tmp_path / "own.onnx", operator, **options))


def test_a_file_that_is_no_network_and_none_at_all_are_refused(tmp_path):
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(SettingsError, match="no ONNX file"):
        MatteNet(tmp_path / "text.onnx")
    with pytest.raises(SettingsError, match="cannot read"):
        MatteNet(tmp_path / "missing.onnx")
    with pytest.raises(Permanent, match="no matte network"):
        MatteNet(tmp_path)


def test_the_shipped_network_finds_a_mug_and_not_its_shadow(net):
    cutout = cut_out(decoded(PHOTO, 512), net)
    assert cutout.is_certain
    assert cutout.large_alpha.shape == (512, 512)
    assert 0.2 < cutout.alpha.mean() < 0.7
    corners = [cutout.alpha[row, column] for row in (0, -1) for column in (0, -1)]
    assert max(corners) < 0.05


def nothing():
    return Image.new("RGB", (128, 160), "#c8c0b4")


def pattern():
    picture = nothing()
    for x in range(0, 128, 16):
        ImageDraw.Draw(picture).rectangle((x, 0, x + 7, 160), fill="#405060")
    return picture


def text():
    picture = Image.new("RGB", (160, 128), "white")
    for line in range(8):
        ImageDraw.Draw(picture).text((8, 8 + 14 * line), "Terms and conditions apply", fill="black")
    return picture


@pytest.mark.parametrize(
    "picture", [nothing(), pattern(), text()], ids=["nothing", "pattern", "text"]
)
def test_a_photo_without_product_is_left_whole_or_cut_where_it_is_sure(net, picture):
    photo = photo_of(picture)
    cutout = cut_out(photo, net)
    source = source_for(cutout, Staging("paper"))
    assert (UNCERTAIN in source.notes) is not cutout.is_certain
    if not cutout.is_certain:
        assert source.product is None
        np.testing.assert_array_equal(source.pixels, to_floats(photo.pixels))


def test_a_photos_own_alpha_is_its_matte(net):
    alpha = np.zeros((64, 64), np.uint8)
    alpha[16:48, 16:48] = 255
    cutout = cut_out(photo_of(np.full((64, 64, 3), 90), alpha), net)
    np.testing.assert_array_equal(cutout.alpha, to_floats(alpha))
    assert cutout.confidence == 1


def disc_photo():
    """A blue disc on a brown table, and where it is."""
    y, x = np.mgrid[0:128, 0:128] / 128 - 0.5
    alpha = np.clip((0.3 - np.hypot(x, y)) * 128 + 0.5, 0, 1).astype(np.float32)
    table, disc = np.array([120, 85, 50]), np.array([30, 70, 180])
    pixels = np.rint(table + alpha[..., None] * (disc - table)).astype(np.uint8)
    photo = photo_of(pixels)
    return Cutout(photo, alpha, None, 1.0, "test")


def rendered(engine, **definition):
    cutout = disc_photo()
    wanted = StyleDefinition(weights={"watercolour": 1.0}, **definition)
    source = source_for(cutout, staging_of(wanted))
    task = task_of(source, wanted, engine.manifest)
    ((_, planes),) = draw(engine, [task], 1)
    return cutout.photo, cutout, task, compose(task, planes, engine)


def test_strength_0_of_the_product_keeps_its_pixels_and_paints_the_ground(engine):
    for ground in ("photo", "paper"):
        photo, cutout, _, picture = rendered(engine, ground=ground, product_strength=0.0)
        inside, outside = cutout.alpha == 1, cutout.alpha == 0
        apart = np.abs(picture.astype(int) - photo.pixels)
        assert apart[inside].max() <= 1
        assert apart[outside].mean() > 10


def test_on_paper_nothing_of_the_table_is_left(engine):
    _, cutout, _, picture = rendered(engine, ground="paper")
    ground = picture[cutout.alpha == 0].astype(int)
    assert ground.min() > 200
    assert np.ptp(ground.mean(axis=0)) < 40


def test_a_transparent_ground_gives_alpha_and_lies_on_white_for_the_gate(engine):
    _, cutout, task, picture = rendered(engine, ground="transparent")
    assert picture.shape == (128, 128, 4)
    np.testing.assert_allclose(picture[..., 3] / 255, cutout.alpha, atol=0.01)
    flat = at_working_size(picture, task.source)
    assert (flat[cutout.alpha == 0] == 255).all()


def test_an_uncertain_matte_draws_the_whole_photo(engine):
    cutout = disc_photo()
    doubtful = Cutout(cutout.photo, cutout.alpha, None, 0.3, "test")
    wanted = StyleDefinition(weights={"watercolour": 1.0}, ground="transparent")
    task = task_of(source_for(doubtful, staging_of(wanted)), wanted, engine.manifest)
    ((_, planes),) = draw(engine, [task], 1)
    assert compose(task, planes, engine).shape == (128, 128, 3)
    assert UNCERTAIN in task.source.notes


def test_the_product_on_white_has_the_matte_as_its_alpha():
    cutout = disc_photo()
    placed = placed_on_white(cutout)
    assert (placed.pixels[cutout.alpha == 0] == 255).all()
    np.testing.assert_allclose(to_floats(placed.alpha), cutout.alpha, atol=0.005)
