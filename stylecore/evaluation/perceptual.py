"""SqueezeNet 1.0 on ONNX Runtime: the eye behind the figures that compare what pictures show.

The network is Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016,
trained on ImageNet, its weights read from a NumPy archive. It stands in for Inception and LPIPS.
A generator that was trained on losses of the same network pleases it more easily than an eye.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

from stylecore.arrays import Floats
from stylecore.errors import SettingsError
from stylecore.evaluation.graph import Graph

Activations = dict[str, Floats]
"""Layer to [C, h, w]."""

GRAM_LAYERS = ("conv1", "fire3", "fire5")
"""Shallow to middle, where strokes are told apart and things are not yet."""
DEEP_LAYER = "fire9"
LAYERS = (*GRAM_LAYERS, DEEP_LAYER)
MEAN_BGR = np.array([104, 117, 123], np.float32)
_POOLED = ("fire4", "fire8")


class Eye:
    """The network, one thread a call; may be called from several threads."""

    def __init__(self, weights: Path) -> None:
        """Read the archive. Raises SettingsError where there is none or it is another network's."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            squeezenet(_arrays(weights)), options, providers=["CPUExecutionProvider"]
        )

    def see(self, picture: Image.Image) -> Activations:
        """The activations of LAYERS for a picture of at least 80 px a side."""
        bgr = np.asarray(picture, np.float32)[..., ::-1] - MEAN_BGR
        pixels = np.ascontiguousarray(bgr.transpose(2, 0, 1)[None])
        outputs = self._session.run(list(LAYERS), {"pixels": pixels})
        return {name: output[0] for name, output in zip(LAYERS, outputs, strict=True)}


def squeezenet(arrays: dict[str, Floats]) -> bytes:
    """SqueezeNet up to fire9 as ONNX: `pixels` [1, 3, H, W], BGR 0-255 less MEAN_BGR, to LAYERS."""
    graph = Graph()

    def convolved(source: str, layer: str, target: str, **shape: Any) -> str:
        weight = graph.constant(f"{layer}.w", arrays[f"{layer}.w"])
        bias = graph.constant(f"{layer}.b", arrays[f"{layer}.b"])
        linear = graph.add("Conv", [source, weight, bias], **shape)
        return graph.add("Relu", [linear], target)

    def pooled(source: str) -> str:
        return graph.add("MaxPool", [source], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)

    previous = pooled(convolved("pixels", "conv1", "conv1", strides=[2, 2]))
    for fire in (f"fire{number}" for number in range(2, 10)):
        narrow = convolved(previous, f"{fire}/squeeze1x1", "")
        parts = [
            convolved(narrow, f"{fire}/expand1x1", ""),
            convolved(narrow, f"{fire}/expand3x3", "", pads=[1] * 4),
        ]
        joined = graph.add("Concat", parts, fire, axis=1)
        previous = pooled(joined) if fire in _POOLED else joined
    return graph.model({"pixels": [1, 3, None, None]}, LAYERS)


def _arrays(weights: Path) -> dict[str, Floats]:
    if not weights.is_file():
        raise SettingsError(f"perceptual: no weights at {weights}; give squeezenet1_0.npz")
    with np.load(weights) as archive:
        arrays = {name: archive[name].astype(np.float32) for name in archive.files}
    if "fire9/expand3x3.w" not in arrays:
        raise SettingsError(f"perceptual: {weights} holds no weights of SqueezeNet 1.0")
    return arrays
