"""The whole way to a shipped generator; what is already there is kept.

1. Teachers paint the photos, into `RUN/pairs`. 2. The generator is trained, from the run's last
checkpoint if there is one. 3. It is exported into the output folder with manifest and swatches.
4. An encoder of reference pictures is fitted to it and put beside it. 5. FP16 and INT8 files join,
calibrated on the training photos. Bounds of the gate, figures and the model card need photos that
nobody trained on: the command adds them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from stylecore.gan.export import export
from stylecore.gan.pairs import make_pairs, print_every_fifty
from stylecore.gan.quantize.variants import add_variants
from stylecore.gan.reference.export import add_encoder
from stylecore.gan.reference.fit import ReferenceSettings
from stylecore.gan.settings import TrainSettings
from stylecore.gan.teachers import STYLES
from stylecore.gan.train import train
from stylecore.rendering.manifest import GeneratorManifest


def make_generator(
    settings: TrainSettings,
    output: Path,
    *,
    pairs_limit: int,
    version: str,
    now: datetime,
    report: Callable[[dict[str, float]], None],
) -> GeneratorManifest:
    """Paint what pairs are missing, train to `settings.steps`, export into `output`, fit to it.

    Raises SettingsError for data that is not there, StylecastError when the export is not faithful.
    """
    make_pairs(
        [settings.photos],
        settings.styles,
        settings.pairs,
        pairs_limit,
        settings.threads,
        print_every_fifty,
    )
    checkpoint = train(settings, [style.style_id for style in STYLES], report)
    export(checkpoint, output, version=version, now=now)
    add_encoder(
        output,
        settings.styles,
        settings.perceptual,
        settings.pairs,
        ReferenceSettings(seed=settings.seed, threads=settings.threads),
        report,
        checkpoint=checkpoint,
    )
    return add_variants(output, settings.photos, ("fp16", "int8"))
