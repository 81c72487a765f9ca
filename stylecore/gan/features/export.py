"""From a checkpoint of the feature network to the folder that ships.

The file says calibrated probabilities: temperature and softmax are part of the graph. Input
`pictures` [B, 3, side, side] of 0-1, outputs `embedding`, `categories`, `styles`. It is held
against torch before the manifest is written. Figures come from photos that are given, if any are.
"""

from __future__ import annotations

import logging
import platform
import warnings
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from stylecore.engine import Engine
from stylecore.errors import SettingsError, StylecastError
from stylecore.features import INPUT, OUTPUTS, FeatureNet
from stylecore.features_evaluation import evaluate_features
from stylecore.features_manifest import (
    FeaturesManifest,
    FeaturesTraining,
    load_features_manifest,
)
from stylecore.features_report import headline
from stylecore.gan.features.card import model_card
from stylecore.gan.features.networks import FeatureNetwork
from stylecore.gan.features.settings import FeaturesSettings
from stylecore.gan.features.train import Trained
from stylecore.gan.onnx_file import OPSET, cpu_session, sha256_of, strip_traces
from stylecore.imaging.contact_sheet import labelled_photos
from stylecore.manifest import MANIFEST, encode_manifest

NAME, FILE, CARD = "stylecast-features", "features.onnx", "MODEL_CARD.md"
TOLERANCE = 1e-3
"""Largest absolute difference of an ONNX output to torch's; all are within -1 to 1."""
DRAWN = 61
"""Test photos that are drawn in every style: a source and 60 others."""
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
    """The network as it serves: embedding and probabilities at their temperatures."""

    def __init__(self, network: FeatureNetwork, temperatures: dict[str, float]) -> None:
        super().__init__()
        self.network = network
        self.temperatures = dict(temperatures)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, 3, side, side] -> [B, E], [B, C], [B, S + 1]."""
        said = self.network(pictures)
        categories = torch.softmax(said.categories / self.temperatures["categories"], dim=1)
        styles = torch.softmax(said.styles / self.temperatures["styles"], dim=1)
        return said.embedding, categories, styles


def export_features(
    checkpoint: Path, settings: FeaturesSettings, folder: Path, *, version: str, now: datetime
) -> FeaturesManifest:
    """Write ONNX file and manifest, without figures, of a checkpoint into `folder`.

    Raises SettingsError for no checkpoint, StylecastError when ONNX Runtime says something else.
    """
    network, trained = load_checkpoint(checkpoint, settings)
    served = Calibrated(network, trained.temperatures).eval()
    folder.mkdir(parents=True, exist_ok=True)
    export_onnx(served, folder / FILE, settings.input_side)
    difference = largest_difference(served, folder / FILE, settings.input_side)
    if difference > TOLERANCE:
        raise StylecastError(f"{folder / FILE} differs from torch by {difference:.2g}; not shipped")
    manifest = FeaturesManifest(
        name=NAME,
        version=version,
        file=FILE,
        sha256=sha256_of(folder / FILE),
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        input_side=settings.input_side,
        embedding_size=settings.shape.embedding,
        categories=trained.categories,
        styles=trained.styles,
        temperatures=trained.temperatures,
        training=training_of(settings, trained),
        figures={},
        made_at=now.isoformat(timespec="seconds"),
        licence=LICENCE,
        sources=SOURCES,
    )
    (folder / MANIFEST).write_bytes(encode_manifest(manifest))
    return manifest


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
    (folder / CARD).write_text(model_card(manifest, report))
    return manifest


def load_checkpoint(file: Path, settings: FeaturesSettings) -> tuple[FeatureNetwork, Trained]:
    """The trained network, ready to describe, and what is known of it."""
    if not file.is_file():
        raise SettingsError(f"checkpoint: there is no {file}; train first")
    state = torch.load(file, weights_only=True)
    trained = msgspec.convert(state["trained"], Trained)
    network = FeatureNetwork(settings.shape, len(trained.categories), len(trained.styles))
    network.load_state_dict(state["network"])
    return network.eval(), trained


def export_onnx(served: Calibrated, file: Path, side: int) -> None:
    """Write the network, any batch, weights inside the file, batch normalisation folded."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # packages it can do without
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        torch.onnx.export(
            served,
            (torch.rand(2, 3, side, side),),
            file,
            input_names=[INPUT],
            output_names=OUTPUTS,
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes={"pictures": {0: torch.export.Dim.AUTO}},
            external_data=False,
            verbose=False,
        )
    strip_traces(file)


def largest_difference(served: Calibrated, file: Path, side: int) -> float:
    """Largest absolute difference of any output to torch's, over two batches of random pictures."""
    session = cpu_session(file)
    differences = []
    for count in (1, 5):
        pictures = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(count))
        with torch.no_grad():
            expected = [part.numpy() for part in served(pictures)]
        found = session.run(OUTPUTS, {INPUT: pictures.numpy()})
        differences += [float(np.abs(a - b).max()) for a, b in zip(expected, found, strict=True)]
    return max(differences)


def training_of(settings: FeaturesSettings, trained: Trained) -> FeaturesTraining:
    """What the manifest tells of the training."""
    precision = ", bfloat16" if settings.bf16 else ""
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
        hardware=f"{settings.threads} threads of {platform.machine()}{precision}",
    )
