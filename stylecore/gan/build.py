"""Builds a generator from photos and references; files that exist are kept.

1. Teachers paint the photos, into `RUN/pairs`. 2. The generator is trained, from the run's last
checkpoint if there is one. 3. It is exported into the output folder with manifest and swatches.
4. A reference encoder is fitted to it and written beside it. 5. FP16 and INT8 files are added,
calibrated on the training photos. Bounds of the gate, figures and the model card need photos that
were not trained on; the command adds them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from stylecore.gan.export import export
from stylecore.gan.pairs import make_pairs, print_every_fifty
from stylecore.gan.quantize import add_variants
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
    """Paint missing pairs, train up to `settings.steps`, export into `output`, add the variants.

    Raises SettingsError for missing data, StylecastError when the export differs from torch.
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
