"""The model card of a feature network, from its manifest and the figures measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stylecore.features_manifest import FeaturesManifest
from stylecore.features_report import HEADLINE, FeaturesReport


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
again. Trained from scratch by torch, served by ONNX Runtime (`stylecore.features.FeatureNet`).

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
{run.hardware}, seed {run.seed}. Losses (`stylecore/gan/features/losses.py`): {weights}. Category:
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
