"""From a checkpoint of the matte network to the folder that ships, and its figures and card.

Input `pictures` [1, 3, H, W] in [0, 1], H and W multiples of 32; output `alpha` [1, 1, H, W].
Batch normalization is folded. The file is compared with torch before the manifest is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import msgspec
import torch
from torch import Tensor, nn

from stylecore.evaluation.matte import MatteReport, evaluate_matte
from stylecore.gan.export import hardware
from stylecore.gan.matte.network import MatteNetwork
from stylecore.gan.matte.train import MatteSettings
from stylecore.gan.model_card import CARD, matte_card
from stylecore.gan.onnx_file import check_onnx, export_onnx, parameter_count, sha256_of
from stylecore.gan.training import load_state
from stylecore.rendering.manifest import MANIFEST, encode_manifest
from stylecore.rendering.matte import MatteManifest, MatteNet, MatteTraining, load_matte_manifest

NAME, FILE = "stylecast-matte", "matte.onnx"
SHORT_SIDE = 256
CHECKED_SHAPES = ((64, 96), (256, 352))
COMMAND = (
    "stylecast train matte --photos DIR --mattes DIR --rendered DIR --alphas DIR --grounds DIR "
    "--run DIR --output DIR"
)
LICENCE = "Apache-2.0"
SOURCES = (
    "Product photos: alexeygrigorev/clothing-dataset-small, CC0 1.0",
    "Mattes of these photos: made by U-2-Net's small network (Qin et al. 2020, Apache-2.0)",
    "Rendered products with exact alpha: the project's own studio (deploy/samples)",
    "Grounds: these photos' own, and reference prints and paintings, public domain by age",
)


class Served(nn.Module):
    """The network as it serves: alpha at full size alone."""

    def __init__(self, network: MatteNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """[1, 3, H, W] -> [1, 1, H, W]."""
        return torch.sigmoid(self.network(pictures)[0])


def export_matte(
    checkpoint: Path, settings: MatteSettings, folder: Path, *, version: str, now: datetime
) -> MatteManifest:
    """Write ONNX file and manifest, without figures, of a checkpoint into `folder`.

    Raises SettingsError for no checkpoint, StylecastError when the ONNX file differs from torch.
    """
    state = load_state(checkpoint)
    network = MatteNetwork(settings.shape)
    network.load_state_dict(state["network"])
    served = Served(network).eval()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE
    example = torch.rand(1, 3, *CHECKED_SHAPES[1])
    export_onnx(served, file, (example,), ["pictures"], ["alpha"], free=((2, 3),))
    check_onnx(served, file, [(torch.rand(1, 3, *shape),) for shape in CHECKED_SHAPES])
    manifest = MatteManifest(
        name=NAME,
        version=version,
        file=FILE,
        sha256=sha256_of(file),
        parameters=parameter_count(network),
        short_side=SHORT_SIDE,
        training=MatteTraining(
            command=f"{COMMAND} --steps {settings.steps} --seed {settings.seed}",
            photos=state["photos"],
            rendered=state["rendered"],
            steps=state["step"],
            seconds=state["seconds"],
            seed=settings.seed,
            hardware=hardware(settings.threads, bf16=settings.bf16),
        ),
        figures={},
        made_at=now.isoformat(timespec="seconds"),
        licence=LICENCE,
        sources=SOURCES,
    )
    (folder / MANIFEST).write_bytes(encode_manifest(manifest))
    return manifest


def add_figures(
    folder: Path, tests: Mapping[str, tuple[Path, Path]], progress: Callable[[str], None]
) -> MatteManifest:
    """Measure the network of `folder` on other photos; write its manifest and model card.

    `tests` holds folders of photos and of their mattes by the name of the set.
    """
    net = MatteNet(folder)
    reports: dict[str, MatteReport] = {
        name: evaluate_matte(net, photos, mattes, progress)
        for name, (photos, mattes) in tests.items()
    }
    figures = {
        f"{name}_{figure}": round(value, 4)
        for name, report in reports.items()
        for figure, value in report.rows["network"].items()
    }
    manifest = msgspec.structs.replace(load_matte_manifest(folder), figures=figures)
    (folder / MANIFEST).write_bytes(encode_manifest(manifest))
    (folder / CARD).write_text(matte_card(manifest, reports))
    return manifest
