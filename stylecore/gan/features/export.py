"""The model card of a feature network, from its manifest and the figures measured.

From a checkpoint of the feature network to the folder that ships.

The file says calibrated probabilities: temperature and softmax are part of the graph. Input
`pictures` [B, 3, side, side] of 0-1, outputs `embedding`, `categories`, `styles`. It is held
against torch before the manifest is written. Figures come from photos that are given, if any are.
"""

from __future__ import annotations

import logging
import platform
import warnings
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from stylecore.errors import SettingsError, StylecastError
from stylecore.evaluation.features import HEADLINE, FeaturesReport, evaluate_features, headline
from stylecore.gan.export import OPSET, cpu_session, sha256_of, strip_traces
from stylecore.gan.features.network import FeatureNetwork, FeaturesSettings
from stylecore.gan.features.train import Trained
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


def model_card(manifest: FeaturesManifest, report: FeaturesReport) -> str:
    """Markdown: what it is, data, training, figures, limits, licence."""
    parts = (_what(manifest), _training(manifest), _figures(manifest, report), LIMITS)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _what(manifest: FeaturesManifest) -> str:
    side, size = manifest.input_side, manifest.embedding_size
    return f"""
# Model card: {manifest.name} {manifest.version}

The product's own convolutional network: which of {len(manifest.categories)} kinds of clothes a
picture shows, in which style it is drawn, and an embedding by which a render's source is found
again. Trained from scratch by torch, served by ONNX Runtime
(`stylecore.rendering.features.FeatureNet`).

| | |
|---|---|
| file | `{manifest.file}`, FP32, {manifest.parameters:,} parameters |
| input | `pictures` [B, 3, {side}, {side}] of 0-1: the whole picture squashed to a square |
| outputs | `embedding` [B, {size}] of unit length; `categories`, `styles`: probabilities |
| categories | {", ".join(manifest.categories)} |
| styles | {", ".join(manifest.styles)} |
| calibration | temperatures {_temperatures(manifest)}, part of the file |
| sha256 | `{manifest.sha256}` |
"""


def _training(manifest: FeaturesManifest) -> str:
    run = manifest.training
    weights = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in run.losses.items())
    sources = "\n".join(f"- {source}" for source in manifest.sources)
    return f"""
## Data

{sources}

Learned from {run.photos:,} photos of the train folder and {run.renders:,} renders of them by
generator {run.generator}; the held-out photos' renders count in that number and were not learned
from. {run.held_out} photos of the train folder, the same share of every category, served the
temperatures alone. Test photos served the figures below alone.

## Training

    {run.command}

{run.steps:,} steps, {run.seconds / 60:.1f} minutes with reading and what renders lacked, on
{run.hardware}, seed {run.seed}. Losses (`stylecore/gan/features/train.py`): {weights}. Category:
cross-entropy with label smoothing, class weights one over the square root of a folder's size.
Contrast: InfoNCE between a photo and its render (van den Oord et al. 2018; symmetric as in CLIP).
Imitation: the network guesses SqueezeNet 1.0's standardised fire9 activations of the photo, from
the photo and from its render (FitNets, Romero et al. 2015). SqueezeNet was trained on ImageNet; its
weights are no part of the file.
"""


def _figures(manifest: FeaturesManifest, report: FeaturesReport) -> str:
    overall = [(name.replace("_", " "), f"{getattr(report, name):.3f}") for name in HEADLINE]
    categories = [
        (name, row.photos, f"{row.recall:.2f}", f"{row.precision:.2f}")
        for name, row in report.categories.items()
    ]
    confusion = [(name, *row.values()) for name, row in report.confusion.items()]
    styles = [
        (name, *(_number(value) for value in vars(row).values()))
        for name, row in report.styles.items()
    ]
    heads = [name.replace("_", " ") for name in vars(next(iter(report.styles.values())))]
    return f"""
## Figures

`stylecast evaluate features --photos TEST --gradients`: {report.photos} photos, {report.drawn} of
them drawn in every style. Calibration error: Guo et al. 2017, 15 bins. Retrieval: a render's source
has the highest cosine of all {report.drawn} photos drawn; `all`: of all {report.photos};
`gradients`: by oriented gradients instead, of the {report.drawn}.

{_table(("figure", "value"), overall)}

{_table(("style", *heads), styles)}

{_table(("category", "photos", "recall", "precision"), categories)}

Confusion, a row a true category, a column what was said:

{_table(("", *manifest.categories), confusion)}
"""


LIMITS = """
## Limits

- Clothes only. Other goods get one of the categories all the same, with whatever probability.
- The photos are amateur shots of single garments, with labels that are not always beyond doubt
  (t-shirt and longsleeve, shirt and outwear). Worn clothes, faces and packshots are rare in them.
- 341 test photos: an accuracy has a standard error of about .025; 61 photos: a retrieval of .95 one
  of about .03.
- The style head knows the renders of one generator. Another generator asks for another training;
  pictures in a style by other hands were few (`--styles`) and weigh little.
- White ground looks like paper, and every style is faint there: half of the renders that it learns
  from are of products on white for that reason. The goods of packshots are no clothes.
- The embedding finds a picture of the same photo. Another photo of the same product was never
  shown to it.

## Licence

The weights are under the project's licence (Apache-2.0). SqueezeNet 1.0 (BSD 2-clause) was imitated
while training and is not part of the file.
"""


def _temperatures(manifest: FeaturesManifest) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in manifest.temperatures.items())


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


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
