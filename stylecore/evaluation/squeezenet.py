"""SqueezeNet 1.0: its weights, its layers for any framework, and the network on ONNX Runtime.

Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016, trained on
ImageNet, its weights read from a NumPy archive. In evaluations it stands in for Inception and
LPIPS: a generator that was trained on losses of the same network pleases it more easily than a
viewer. stylecore.gan.squeezenet runs the same layers in torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from PIL import Image

from stylecore.arrays import Floats
from stylecore.errors import SettingsError
from stylecore.evaluation.onnx_graph import Graph, cpu_session

MEAN_BGR = (104, 117, 123)
"""Subtracted from BGR pixels of 0-255."""
FIRES = tuple(f"fire{number}" for number in range(2, 10))
POOLED_AFTER = ("conv1", "fire4", "fire8")

T = TypeVar("T")
Activations = dict[str, Floats]
"""Layer to [C, h, w]."""


@dataclass(frozen=True)
class Operators(Generic[T]):
    """The three operators that the network is made of, in some framework."""

    convolve: Callable[[T, str, int, int], T]
    """Features, name of the weights, stride and padding -> convolution with bias, then ReLU."""
    concatenate: Callable[[T, T], T]
    """Along the channels."""
    pool: Callable[[T], T]
    """3 x 3 maximum, stride 2, sizes rounded up, as in Caffe."""


def layers_of(pixels: T, operators: Operators[T], last: str) -> dict[str, T]:
    """Compute conv1 and fire2 to `last` before pooling, by name, from BGR less MEAN_BGR."""
    convolve = operators.convolve
    layers = {"conv1": convolve(pixels, "conv1", 2, 0)}
    for before, fire in zip(("conv1", *FIRES), FIRES[: FIRES.index(last) + 1], strict=False):
        features = layers[before]
        if before in POOLED_AFTER:
            features = operators.pool(features)
        squeezed = convolve(features, f"{fire}/squeeze1x1", 1, 0)
        layers[fire] = operators.concatenate(
            convolve(squeezed, f"{fire}/expand1x1", 1, 0),
            convolve(squeezed, f"{fire}/expand3x3", 1, 1),
        )
    return layers


def load_weights(path: Path, last: str) -> dict[str, Floats]:
    """Read weights and biases up to a layer; their names end in .w and .b.

    Raises SettingsError where there is no archive or it is another network's.
    """
    if not path.is_file():
        raise SettingsError(f"perceptual: no weights at {path}; give squeezenet1_0.npz")
    wanted = ("conv1", *FIRES[: FIRES.index(last) + 1])
    with np.load(path) as archive:
        arrays = {
            name: archive[name].astype(np.float32)
            for name in archive.files
            if name.startswith(wanted)
        }
    if f"{last}/expand3x3.w" not in arrays:
        raise SettingsError(f"perceptual: {path} holds no weights of SqueezeNet 1.0")
    return arrays


GRAM_LAYERS = ("conv1", "fire3", "fire5")
"""Shallow to middle layers, which tell strokes apart and do not yet tell objects apart."""
DEEP_LAYER = "fire9"
LAYERS = (*GRAM_LAYERS, DEEP_LAYER)


class OnnxSqueezeNet:
    """The network on ONNX Runtime, one thread a call; may be called from several threads."""

    def __init__(self, weights: Path) -> None:
        """Read the archive. Raises SettingsError where there is none or it is another network's."""
        model = _onnx_model(load_weights(weights, DEEP_LAYER))
        self._session = cpu_session(model, threads=1)

    def activations(self, picture: Image.Image) -> Activations:
        """Compute LAYERS for a picture of at least 80 px a side."""
        bgr = np.asarray(picture, np.float32)[..., ::-1] - np.array(MEAN_BGR, np.float32)
        pixels = np.ascontiguousarray(bgr.transpose(2, 0, 1)[None])
        outputs = self._session.run(list(LAYERS), {"pixels": pixels})
        return {name: output[0] for name, output in zip(LAYERS, outputs, strict=True)}


def _onnx_model(arrays: Mapping[str, Floats]) -> bytes:
    """Encode the network: `pixels` [1, 3, H, W], BGR of 0-255 less MEAN_BGR, to LAYERS."""
    graph = Graph()

    def convolve(source: str, name: str, stride: int, padding: int) -> str:
        kernel, bias = (graph.constant(arrays[f"{name}.{part}"], np.float32) for part in "wb")
        shape: dict[str, Any] = {"strides": [stride] * 2, "pads": [padding] * 4}
        return graph.add("Relu", [graph.add("Conv", [source, kernel, bias], **shape)])

    def pool(source: str) -> str:
        shape: dict[str, Any] = {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}
        return graph.add("MaxPool", [source], **shape)

    operators = Operators[str](convolve, lambda *parts: graph.add("Concat", parts, axis=1), pool)
    layers = layers_of("pixels", operators, DEEP_LAYER)
    model = graph.model(
        {"pixels": [1, 3, "height", "width"]}, {name: layers[name] for name in LAYERS}
    )
    return bytes(model.SerializeToString())
