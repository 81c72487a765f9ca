"""`stylecast evaluate generator` on a few drawn photos with the generator that ships."""

import json
from pathlib import Path

import numpy as np
import pytest
from perceptual_weights import write_perceptual
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from stylecore.errors import Permanent, SettingsError
from stylecore.rendering.style import UnknownStyle
from workers.commands.evaluate_models import evaluate_app

STYLES = ["ink-line", "neon"]


def draw_pictures(folder: Path, count: int, ground: str | None) -> Path:
    """Rounded shapes in random colours, on even ground or on noise."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(len(folder.name))
    for number in range(count):
        noise = random.integers(0, 256, (12, 12, 3)).astype(np.uint8)
        picture = Image.new("RGB", (150, 150), ground or 0)
        if ground is None:
            picture = Image.fromarray(noise).resize((150, 150))
        colours = [tuple(random.integers(0, 200, 3).tolist()) for _ in range(2)]
        draw = ImageDraw.Draw(picture)
        draw.rounded_rectangle((30, 25, 120, 130), 20, colours[0])
        draw.ellipse((50, 50, 60 + 10 * number, 90), colours[1])
        picture.save(folder / f"{folder.name}-{number}.png")
    return folder


def evaluate(*arguments: object):
    return CliRunner().invoke(
        evaluate_app, ["generator", *map(str, arguments)], catch_exceptions=False
    )


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> dict[str, Path]:
    """Photos, references of two styles and weights."""
    folder = tmp_path_factory.mktemp("evaluation")
    for style in ("ink-line", "watercolour"):
        draw_pictures(folder / "styles" / style, 4, None)
    return {
        "photos": draw_pictures(folder / "photos", 3, "white"),
        "styles": folder / "styles",
        "perceptual": write_perceptual(folder / "weights.npz"),
    }


@pytest.fixture(scope="module")
def done(inputs, tmp_path_factory):
    """(result, output folder) of one run without teachers."""
    output = tmp_path_factory.mktemp("output")
    given = [part for name, path in inputs.items() for part in (f"--{name}", path)]
    given += [part for style in STYLES for part in ("--only", style)]
    return evaluate(*given, "--output", output, "--no-teachers", "--threads", 1), output


def test_every_style_has_a_row_of_the_generator_and_one_of_the_copy(done):
    result, output = done
    assert result.exit_code == 0, result.output
    figures = json.loads((output / "figures.json").read_text())
    assert list(figures["styles"]) == STYLES
    for style, rows in figures["styles"].items():
        assert list(rows) == ["generator", "copy"]
        assert rows["copy"]["ssim"] == pytest.approx(1, abs=1e-5)
        assert rows["copy"]["retrieval"] == 1
        assert rows["copy"]["shift"] == 0
        assert rows["copy"]["lettering"] == 1
        referenced = style == "ink-line"
        assert ("artfid" in rows["generator"]) is referenced
        assert ("progress" in rows["generator"]) is referenced
    assert figures["references"] == {"ink-line": 4, "watercolour": 4}
    assert figures["times"]["baseline_parameters"] > 1_700_000


def test_the_table_is_printed_plain_and_kept_and_explains_the_copys_wins(done):
    result, output = done
    kept = (output / "table.txt").read_text()
    assert kept in result.stdout
    assert "SqueezeNet 1.0 in place of Inception and LPIPS" in kept
    assert "the copy is better at SSIM: it counts every brush stroke" in kept
    assert "\x1b" not in kept


def test_pictures_lie_where_they_can_be_measured_again_and_looked_at(done):
    _, output = done
    stems = sorted(path.stem for path in (output / "originals").iterdir())
    assert stems == ["photos-0", "photos-1", "photos-2"]
    for style in STYLES:
        for kind in ("generator", "shifted"):
            assert sorted(path.stem for path in (output / kind / style).iterdir()) == stems
        assert len(list((output / "lettering" / style).iterdir())) == 4
        with Image.open(output / "sheets" / f"{style}.png") as sheet:
            assert sheet.width > 2 * 150


def test_what_is_missing_is_told(inputs, tmp_path):
    common = ["--output", tmp_path / "out"]
    with pytest.raises(Permanent, match="no folder of pictures"):
        evaluate("--photos", tmp_path / "none", "--styles", inputs["styles"], *common)
    with pytest.raises(Permanent, match="no folder of references"):
        evaluate("--photos", inputs["photos"], "--styles", tmp_path / "none", *common)
    with pytest.raises(UnknownStyle, match="there are: watercolour"):
        evaluate(
            *("--photos", inputs["photos"], "--styles", inputs["styles"], *common),
            *("--only", "noen"),
        )
    with pytest.raises(SettingsError, match="no weights at"):
        evaluate(
            *("--photos", inputs["photos"], "--styles", inputs["styles"], *common),
            *("--perceptual", tmp_path / "none.npz"),
        )
