"""The generator in half floats, for GPUs; what goes in and comes out stays float32.

Features stay below a hundred and logits below fifty, far from where FP16 ends (65,504). A CPU has
no FP16 kernels in ONNX Runtime: there the file draws the same, slower.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16


def fp16_model(file: Path) -> onnx.ModelProto:
    """The ONNX model of an exported FP32 file with weights and features in float16."""
    model = onnx.load(file)
    _unshare_scales(model.graph)
    smaller: onnx.ModelProto = convert_float_to_float16(model, keep_io_types=True)
    return smaller


def _unshare_scales(graph: onnx.GraphProto) -> None:
    """Every Resize gets its own scales: of shared ones the converter makes nodes of one name."""
    known = {item.name: item for item in graph.initializer}
    for place, node in enumerate(node for node in graph.node if node.op_type == "Resize"):
        scales = onnx.TensorProto()
        scales.CopyFrom(known[node.input[2]])
        scales.name = node.input[2] = f"scales{place}"
        graph.initializer.append(scales)
