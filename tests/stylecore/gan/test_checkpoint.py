"""The shipped generator comes back into torch as it is, and other files are refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylecore.errors import SettingsError
from stylecore.gan.checkpoint import load_onnx_generator
from stylecore.gan.export import checked_inputs
from stylecore.gan.onnx_file import TOLERANCE, largest_difference
from stylecore.models import GENERATOR

pytestmark = pytest.mark.training

SHIPPED = GENERATOR / "generator.onnx"


def test_the_shipped_generator_draws_in_torch_what_it_draws_in_onnx() -> None:
    generator = load_onnx_generator(SHIPPED)
    assert largest_difference(generator, SHIPPED, checked_inputs(generator)) <= TOLERANCE


def test_what_is_no_exported_generator_is_told(tmp_path: Path) -> None:
    wrong = tmp_path / "generator.onnx"
    wrong.write_bytes(b"not a model")
    with pytest.raises(SettingsError, match="no readable ONNX file"):
        load_onnx_generator(wrong)
    with pytest.raises(SettingsError, match="no readable ONNX file"):
        load_onnx_generator(tmp_path / "missing.onnx")
    wrong.write_bytes(b"")
    with pytest.raises(SettingsError, match="no export of this network"):
        load_onnx_generator(wrong)
