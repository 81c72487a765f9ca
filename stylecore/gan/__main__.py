"""The whole way to a shipped generator in one command; what is already there is kept.

    python -m stylecore.gan --photos DIR --styles DIR --perceptual NPZ --run DIR --output DIR
                            [--pairs-limit 450] [--steps 6700] [--seed 7]

1. Teachers paint the photos, into `RUN/pairs`. 2. The generator is trained, from the run's last
checkpoint if there is one. 3. It is exported into the output folder with manifest and swatches.
4. An encoder of reference pictures is fitted to it and put beside it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from stylecore.errors import StylecastError
from stylecore.gan.export import export
from stylecore.gan.pairs import make_pairs, print_every_fifty
from stylecore.gan.reference_export import add_encoder
from stylecore.gan.reference_fit import ReferenceSettings
from stylecore.gan.settings import TrainSettings
from stylecore.gan.teachers import STYLES
from stylecore.gan.train import train
from stylecore.manifest import GeneratorManifest


def make_generator(
    settings: TrainSettings, output: Path, *, pairs_limit: int, version: str, now: datetime
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
    checkpoint = train(settings, [style.style_id for style in STYLES], print_figures)
    export(checkpoint, output, version=version, now=now)
    return add_encoder(
        output,
        settings.styles,
        settings.perceptual,
        settings.pairs,
        ReferenceSettings(seed=settings.seed, threads=settings.threads),
        print_figures,
        checkpoint=checkpoint,
    )


def print_figures(figures: dict[str, float]) -> None:
    """One plain line."""
    print(" ".join(f"{name} {value:.4g}" for name, value in figures.items()), flush=True)


def settings_from(given: argparse.Namespace) -> TrainSettings:
    """The command line's settings; the rest keeps its defaults."""
    return TrainSettings(
        photos=given.photos,
        styles=given.styles,
        perceptual=given.perceptual,
        pairs=given.pairs or given.run / "pairs",
        run=given.run,
        steps=given.steps,
        seed=given.seed,
        threads=given.threads,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when the generator is exported, 1 with one line when it cannot be."""
    parser = argparse.ArgumentParser(description="Make a generator: pairs, training, export.")
    for name in ("photos", "styles", "perceptual", "run", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, help="default: RUN/pairs")
    parser.add_argument("--pairs-limit", type=int, default=450)
    parser.add_argument("--steps", type=int, default=6_700)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args(arguments)
    now = datetime.now(UTC)
    try:
        manifest = make_generator(
            settings_from(given),
            given.output,
            pairs_limit=given.pairs_limit,
            version=f"{now:%Y.%m.%d}-1",
            now=now,
        )
    except StylecastError as problem:
        print(f"stylecore.gan: {problem}", file=sys.stderr)
        return 1
    print(f"{manifest.version} with {len(manifest.styles)} styles in {given.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
