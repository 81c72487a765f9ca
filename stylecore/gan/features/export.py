"""From a checkpoint of the feature network to the folder that ships, and its figures.

The file returns calibrated probabilities: temperature and softmax are part of the graph, batch
normalization is folded. Input `pictures` [B, 3, side, side] in [0, 1]; outputs `embedding`,
`categories`, `styles`. It is compared with torch before the manifest is written. Figures and model
card need photos that were not trained on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import torch
from torch import Tensor, nn

from stylecore.evaluation.features import evaluate_features, headline
from stylecore.gan.export import hardware
from stylecore.gan.features.network import FeatureNetwork
from stylecore.gan.features.settings import FeaturesSettings
from stylecore.gan.features.train import Trained
from stylecore.gan.model_card import CARD, features_card
from stylecore.gan.onnx_file import check_onnx, export_onnx, parameter_count, sha256_of
from stylecore.gan.training import load_state
from stylecore.imaging.contact_sheet import labelled_photos
from stylecore.rendering.engine import Engine
from stylecore.rendering.features import (
    INPUT,
    OUTPUTS,
    FeatureNet,
    FeaturesManifest,
    FeaturesTraining,
    load_features_manifest,
)
from stylecore.rendering.manifest import MANIFEST, encode_manifest

NAME, FILE = "stylecast-features", "features.onnx"
DRAWN = 61
"""Test photos that are rendered in every style: a source and 60 others."""
COMMAND = (
    "stylecast train features --photos DIR --styles DIR --generator DIR --perceptual NPZ "
    "--run DIR --output DIR"
)
LICENCE = "Apache-2.0"
SOURCES = (
    "Product photos: alexeygrigorev/clothing-dataset-small, CC0 1.0",
    "Renders of these photos by the generator that is named in `training`",
    "Reference prints and paintings: public domain by age (artists who died before 1930)",
    "Watercolour references: USDA Pomological Watercolors, public domain",
    "Imitated while training: SqueezeNet 1.0 (songhan/SqueezeNet-Deep-Compression), BSD 2-clause",
)


class Calibrated(nn.Module):
    """The network as it serves: embedding, and probabilities at their temperatures."""

    def __init__(self, network: FeatureNetwork, temperatures: dict[str, float]) -> None:
        super().__init__()
        self.network = network
        self.temperatures = dict(temperatures)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map [B, 3, side, side] to [B, E], [B, C], [B, S + 1]."""
        outputs = self.network(pictures)
        categories = torch.softmax(outputs.categories / self.temperatures["categories"], dim=1)
        styles = torch.softmax(outputs.styles / self.temperatures["styles"], dim=1)
        return outputs.embedding, categories, styles


def export_features(
    checkpoint: Path, settings: FeaturesSettings, folder: Path, *, version: str, now: datetime
) -> FeaturesManifest:
    """Write ONNX file and manifest, without figures, of a checkpoint into `folder`.

    Raises SettingsError for no checkpoint, StylecastError when the ONNX file differs from torch.
    """
    network, trained = load_checkpoint(checkpoint, settings)
    served = Calibrated(network, trained.temperatures).eval()
    folder.mkdir(parents=True, exist_ok=True)
    file, side = folder / FILE, settings.input_side
    export_onnx(served, file, (torch.rand(2, 3, side, side),), [INPUT], OUTPUTS, free=((0,),))
    batches = [
        (torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(count)),)
        for count in (1, 5)
    ]
    check_onnx(served, file, batches)
    manifest = FeaturesManifest(
        name=NAME,
        version=version,
        file=FILE,
        sha256=sha256_of(file),
        parameters=parameter_count(network),
        input_side=side,
        embedding_size=settings.shape.embedding,
        categories=trained.categories,
        styles=trained.styles,
        temperatures=trained.temperatures,
        training=_training_of(settings, trained),
        figures={},
        made_at=now.isoformat(timespec="seconds"),
        licence=LICENCE,
        sources=SOURCES,
    )
    (folder / MANIFEST).write_bytes(encode_manifest(manifest))
    return manifest


def load_checkpoint(file: Path, settings: FeaturesSettings) -> tuple[FeatureNetwork, Trained]:
    """Load the trained network in evaluation mode, and the facts of its training."""
    state = load_state(file)
    trained = msgspec.convert(state["trained"], Trained)
    network = FeatureNetwork(settings.shape, len(trained.categories), len(trained.styles))
    network.load_state_dict(state["network"])
    return network.eval(), trained


def _training_of(settings: FeaturesSettings, trained: Trained) -> FeaturesTraining:
    """Describe the training for the manifest."""
    return FeaturesTraining(
        command=f"{COMMAND} --renders {settings.renders_a_photo} --steps {settings.steps} "
        f"--seed {settings.seed}",
        photos=trained.photos - trained.held_out,
        held_out=trained.held_out,
        renders=trained.renders,
        generator=trained.generator,
        steps=settings.steps,
        seconds=trained.seconds,
        seed=settings.seed,
        losses=msgspec.structs.asdict(settings.losses),
        hardware=hardware(settings.threads, bf16=settings.bf16),
    )


def add_figures(
    folder: Path, generator: Path, photos: Path, threads: int, progress: Callable[[str], None]
) -> FeaturesManifest:
    """Measure the network of `folder` on other photos; write its manifest and model card."""
    report = evaluate_features(
        FeatureNet(folder, threads=threads),
        Engine(generator, provider="cpu", threads=threads),
        labelled_photos(photos),
        drawn=DRAWN,
        gradients=True,
        progress=progress,
    )
    manifest = msgspec.structs.replace(load_features_manifest(folder), figures=headline(report))
    (folder / MANIFEST).write_bytes(encode_manifest(manifest))
    (folder / CARD).write_text(features_card(manifest, report))
    return manifest
