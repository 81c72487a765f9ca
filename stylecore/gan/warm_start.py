"""A shipped ONNX generator back in torch: where a training starts warm, or an encoder is fitted.

The export keeps every parameter as an initializer of the parameter's own name, so the file is the
whole generator. Optimisers and the discriminator are not in it. A file whose weights were quantised
or renamed cannot be read back, nor one of which two parameters are equal (both noise layers, before
any training): the exporter keeps only one of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper
from torch import Tensor

from stylecore.errors import SettingsError
from stylecore.gan.networks import Generator, GeneratorShape


def load_onnx_generator(file: Path) -> Generator:
    """The generator of an exported file, in float32, ready to render.

    Raises SettingsError where there is no such file or it is no export of this network.
    """
    state = _initializers(file)
    try:
        generator = Generator(shape_of(state))
        generator.load_state_dict({name: state[name] for name in generator.state_dict()})
    except (KeyError, RuntimeError) as problem:
        raise SettingsError(f"generator: {file} is no export of this network: {problem}") from None
    return generator.eval()


def shape_of(state: dict[str, Tensor]) -> GeneratorShape:
    """Styles, channels and blocks, read off parameters of that name. Raises KeyError."""
    return GeneratorShape(
        styles=len(state["head"]),
        full=len(state["full_in.weight"]),
        half=len(state["half_in.convolution.weight"]),
        quarter=len(state["quarter_in.convolution.weight"]),
        eighth=len(state["eighth_in.convolution.weight"]),
        blocks_quarter=_blocks(state, "quarter_blocks"),
        blocks_eighth=_blocks(state, "eighth_blocks"),
    )


def _blocks(state: dict[str, Tensor], prefix: str) -> int:
    return len({name.split(".")[1] for name in state if name.startswith(f"{prefix}.")})


def _initializers(file: Path) -> dict[str, Tensor]:
    """The file's floating-point constants by name."""
    try:
        model = onnx.load(file)
    except (OSError, DecodeError) as problem:
        raise SettingsError(f"generator: {file} is no readable ONNX file: {problem}") from problem
    arrays = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    return {
        name: torch.from_numpy(array.astype(np.float32))
        for name, array in arrays.items()
        if np.issubdtype(array.dtype, np.floating)
    }
