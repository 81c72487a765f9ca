"""`stylecast evaluate gate` chooses bounds that are written where the gate reads them."""

import shutil

import pytest
from PIL import Image
from typer.testing import CliRunner

from stylecore.errors import SettingsError
from stylecore.models import GENERATOR
from stylecore.rendering.manifest import FIGURES, load_manifest
from workers.commands.evaluate_models import evaluate_app
from workers.demo.inputs import sample_products

STYLES = ["ukiyo-e", "pop-art"]


def evaluate(*arguments):
    return CliRunner().invoke(evaluate_app, ["gate", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for product in sample_products()[::15]:
        shutil.copy(product.image_uri, folder)
    return folder


@pytest.fixture(scope="module")
def done(photos, tmp_path_factory):
    """(generator's folder, output folder) of one run that writes."""
    generator = tmp_path_factory.mktemp("model") / "generator"
    shutil.copytree(GENERATOR, generator)
    output = tmp_path_factory.mktemp("gate")
    flags = ["--photos", photos, "--generator", generator, "--output", output, "--limit", 3]
    result = evaluate(*flags, "--only", STYLES[0], "--only", STYLES[1], "--write")
    assert result.exit_code == 0, result.stderr
    return generator, output


def test_the_bounds_are_in_the_manifest_of_the_styles_that_were_measured(done):
    before = {style.style_id: style.bounds for style in load_manifest(GENERATOR).styles}
    for style in load_manifest(done[0]).styles:
        if style.style_id in STYLES:
            assert all(getattr(style.bounds, name) is not None for name in FIGURES)
        else:
            assert style.bounds == before[style.style_id]


def test_the_report_has_a_table_and_a_sheet_a_style_and_figure(done):
    text = (done[1] / "report.md").read_text()
    for style in STYLES:
        for figure in FIGURES:
            sheet = f"sheets/{style}-{figure}.png"
            assert f"### {style}: {figure}" in text
            assert sheet in text
            with Image.open(done[1] / sheet) as picture:
                assert picture.width > 1000


def test_one_style_alone_cannot_be_told_from_others(photos, tmp_path):
    with pytest.raises(SettingsError, match="two styles or more"):
        evaluate("--photos", photos, "--output", tmp_path, "--only", STYLES[0])
