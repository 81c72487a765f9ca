"""Model cards in Markdown: what a network is, its data, training, figures and limits.

A generator's card follows from its manifest, a feature network's from its manifest and the report
of its evaluation. What a person saw in the pictures is to be added by hand before shipping.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stylecore.evaluation.features import HEADLINE, FeaturesReport
from stylecore.evaluation.matte import FIGURES as MATTE_FIGURES
from stylecore.evaluation.matte import MatteReport
from stylecore.evaluation.table import markdown_table
from stylecore.rendering.features import FeaturesManifest, FeaturesTraining
from stylecore.rendering.manifest import GeneratorManifest, TrainingRun, load_manifest
from stylecore.rendering.matte import MatteManifest

CARD = "MODEL_CARD.md"


def write_card(folder: Path) -> None:
    """Write the card of the generator in this folder. Raises Permanent where there is none."""
    (folder / CARD).write_text(generator_card(load_manifest(folder)), encoding="utf-8")


def generator_card(manifest: GeneratorManifest) -> str:
    """Write a generator's card."""
    parts = (_generator(manifest), _generator_training(manifest), _style_figures(manifest.figures))
    return _joined(*parts, GENERATOR_LIMITS)


def features_card(manifest: FeaturesManifest, report: FeaturesReport) -> str:
    """Write a feature network's card."""
    parts = (_features(manifest), _features_training(manifest), _features_figures(manifest, report))
    return _joined(*parts, FEATURES_LIMITS)


def _joined(*parts: str) -> str:
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _weights(run: TrainingRun | FeaturesTraining) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in run.losses.items())


def _list(sources: tuple[str, ...]) -> str:
    return "\n".join(f"- {source}" for source in sources)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


SHOWN = ("progress", "accuracy", "apart", "texture", "ssim", "retrieval", "fine", "shift")
"""Figures of a generator's table; the manifest has all."""


def _generator(manifest: GeneratorManifest) -> str:
    styles = markdown_table(
        ("style", "from", "what it is"),
        [(style.style_id, style.kind, style.description) for style in manifest.styles],
    )
    variants = "".join(
        f"\n- `{variant.file}` ({name}): to FP32 "
        + ", ".join(f"{figure} {value}" for figure, value in variant.figures.items())
        for name, variant in manifest.variants.items()
    )
    served = ", ".join(f"{device} {name}" for device, name in manifest.served.items()) or "fp32"
    return f"""
# Model card: {manifest.name} {manifest.version}

One conditional generator draws a product photo in {len(manifest.styles)} styles:
`render = G(photo, weights, noise)`. {manifest.parameters:,} parameters, working size
{manifest.working_size} px, licence {manifest.licence}.

- `{manifest.file}` (fp32), sha256 `{manifest.sha256}`{variants}
- served: {served}

{styles}
"""


def _generator_training(manifest: GeneratorManifest) -> str:
    run = manifest.training
    return f"""
## Data and training

{_list(manifest.sources)}

    {run.command}

{run.steps:,} steps on {run.pairs} painted photos, {run.seconds / 60:.0f} minutes on {run.hardware},
seed {run.seed}. Losses (`stylecore/gan/losses.py`): {_weights(run)}.
"""


def _style_figures(figures: Mapping[str, Mapping[str, float]]) -> str:
    """Tabulate the figures, one row per style; empty where nothing was measured."""
    if not figures:
        return ""
    rows = [
        (style, *(_number(measured.get(name)) for name in SHOWN))
        for style, measured in figures.items()
    ]
    return f"""
## Figures

`stylecast evaluate generator` on photos that were not trained on, as served.

{markdown_table(("style", *SHOWN), rows)}
"""


GENERATOR_LIMITS = """
## Limits

Made for product photos of a shop at the working size; other sizes change the stroke relative to the
product. Faces were not tried. The figures say nothing of taste: look at the contact sheets
(`stylecast evaluate generator`) and write here which styles are good and which only acceptable.
"""


def _features(manifest: FeaturesManifest) -> str:
    side, size = manifest.input_side, manifest.embedding_size
    temperatures = ", ".join(f"{name} {value:.2f}" for name, value in manifest.temperatures.items())
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
| calibration | temperatures {temperatures}, part of the file |
| sha256 | `{manifest.sha256}` |
"""


def _features_training(manifest: FeaturesManifest) -> str:
    run = manifest.training
    weights = _weights(run)
    return f"""
## Data

{_list(manifest.sources)}

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


def _features_figures(manifest: FeaturesManifest, report: FeaturesReport) -> str:
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

{markdown_table(("figure", "value"), overall)}

{markdown_table(("style", *heads), styles)}

{markdown_table(("category", "photos", "recall", "precision"), categories)}

Confusion, a row a true category, a column what was said:

{markdown_table(("", *manifest.categories), confusion)}
"""


FEATURES_LIMITS = """
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


def matte_card(manifest: MatteManifest, reports: Mapping[str, MatteReport]) -> str:
    """Write the card of a matte network, with its figures on sets of photos by name."""
    run = manifest.training
    return f"""
# Model card: {manifest.name} {manifest.version}

The product's alpha in any photo, by a convolutional network of the project's own: what is product
and what is ground. Trained by torch, served by ONNX Runtime (`stylecore.rendering.matte.MatteNet`),
refined at the photo's own size (`stylecore.imaging.matte`).

| | |
|---|---|
| file | `{manifest.file}`, FP32, {manifest.parameters:,} parameters |
| input | `pictures` [1, 3, H, W] of 0-1; short side {manifest.short_side}, sides multiples of 32 |
| output | `alpha` [1, 1, H, W] of 0-1 |
| sha256 | `{manifest.sha256}` |

## Data

{_list(manifest.sources)}

Learned from {run.photos:,} photos of the train folder with their mattes, and from {run.rendered}
rendered products with exact alpha; half of the views show a product on another ground. The encoder
starts from the project's feature network. Test photos served the figures below alone.

## Training

    {run.command}

{run.steps:,} steps, {run.seconds / 60:.0f} minutes, on {run.hardware}, seed {run.seed}. Losses
(`stylecore/gan/matte/train.py`): cross entropy, heavier beside the edge, soft IoU, and cross
entropy of three coarser outputs.

## Figures

`stylecast evaluate matte`: IoU of the mattes cut at one half, mean and 5th percentile; mean
absolute difference of alpha; boundary F-measure within 2 px; mean absolute difference within 4 px
of the edge at the photo's size.
{"".join(_matte_set(name, report) for name, report in reports.items())}
## Limits

- Clothes on floors, beds and walls, and single rendered products, were learned from. The mattes of
  the photos are another network's: they keep hangers, and soft shadows now and then.
- Several products, and a person who wears one, are cut out together.
- Photos without a product, patterns from edge to edge and pages of text have no right answer; a low
  confidence leaves such a photo whole.

## Licence

The weights are under the project's licence (Apache-2.0).
""".lstrip()


def _matte_set(name: str, report: MatteReport) -> str:
    rows = [
        (method, *(f"{value:.3f}" for value in figures.values()))
        for method, figures in report.rows.items()
    ]
    return f"""
{name}, {len(report.photos)} photos:

{markdown_table(("method", *MATTE_FIGURES), rows)}
"""
