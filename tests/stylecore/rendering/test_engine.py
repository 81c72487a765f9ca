"""What the engine promises about precision: the manifest's choice, or a line that says why not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from stylecore.errors import SettingsError
from stylecore.models import GENERATOR
from stylecore.rendering.engine import Engine, file_of, has_byte_dot_products, served_precision
from stylecore.rendering.manifest import GeneratorManifest, Variant, read_manifest


@pytest.fixture
def plain() -> GeneratorManifest:
    """The shipped manifest, with the FP32 file alone."""
    manifest = read_manifest(GENERATOR, GeneratorManifest, "generator")
    return msgspec.structs.replace(manifest, variants={}, served={})


@pytest.fixture
def both(plain: GeneratorManifest) -> GeneratorManifest:
    """One that serves INT8 on a CPU and FP16 on a GPU."""
    variants = {
        name: Variant(file=f"generator.{name}.onnx", sha256="0" * 64, figures={})
        for name in ("fp16", "int8")
    }
    served = {"cpu": "int8", "cuda": "fp16"}
    return msgspec.structs.replace(plain, variants=variants, served=served)


def test_a_manifest_that_says_nothing_serves_fp32(plain: GeneratorManifest) -> None:
    assert served_precision(plain, "cpu") == served_precision(plain, "cuda") == "fp32"
    assert file_of(plain, "fp32", "cpu") == plain.file


def test_each_provider_has_its_precision(both: GeneratorManifest) -> None:
    assert served_precision(both, "cpu") == ("int8" if has_byte_dot_products() else "fp32")
    assert served_precision(both, "cuda") == "fp16"
    assert file_of(both, "int8", "cpu") == "generator.int8.onnx"


def test_a_precision_that_is_not_there_is_refused_in_one_line(plain: GeneratorManifest) -> None:
    with pytest.raises(
        SettingsError, match=r"^precision: generator .* has no int8 file, only fp32$"
    ):
        file_of(plain, "int8", "cpu")


def test_int8_is_for_cpus(both: GeneratorManifest) -> None:
    with pytest.raises(SettingsError, match="int8 draws on a CPU only"):
        file_of(both, "int8", "cuda")


def test_the_engine_says_what_it_draws_in() -> None:
    assert Engine(GENERATOR, provider="cpu", threads=1, precision="fp32").precision == "fp32"


@pytest.mark.parametrize(
    ("told", "has"),
    [
        ("flags\t\t: fpu avx2 avx512_vnni\n", True),
        ("Features\t: fp asimd asimddp\n", True),
        ("flags\t\t: fpu avx2 avx512f\n", False),
        ("", False),
    ],
)
def test_a_cpu_without_byte_dot_products_is_known(tmp_path: Path, told: str, has: bool) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(told)
    assert has_byte_dot_products(cpuinfo) == has
