"""`stylecast train generator`: from photos and references to a generator that serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from stylecore.errors import SettingsError

app = typer.Typer(help="Train; needs the extra 'train'.", no_args_is_help=True)

Photos = Annotated[Path, typer.Option(help="Product photos; sub-folders are categories.")]
Run = Annotated[Path, typer.Option(help="Folder of the run: settings, losses, checkpoint.")]
Output = Annotated[Path, typer.Option(help="Folder to write to.")]
Version = Annotated[str | None, typer.Option(help="Of the manifest; today's by default.")]


@app.command("generator")
def train_generator(
    photos: Photos,
    styles: Annotated[Path, typer.Option(help="Reference pictures, one folder a style.")],
    perceptual: Annotated[Path, typer.Option(help="squeezenet1_0.npz, of the losses.")],
    run: Run,
    output: Output,
    pairs: Annotated[Path | None, typer.Option(help="Default: RUN/pairs.")] = None,
    pairs_limit: Annotated[int, typer.Option(min=1, help="Photos that teachers paint.")] = 450,
    steps: Annotated[int, typer.Option(min=1)] = 10_000,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    version: Version = None,
) -> None:
    """Let teachers paint pairs, train the generator on them, export it; resumes a run."""
    with torch_needed():
        from stylecore.gan.__main__ import make_generator
        from stylecore.gan.settings import TrainSettings
    now = datetime.now(UTC)
    settings = TrainSettings(
        photos=photos,
        styles=styles,
        perceptual=perceptual,
        pairs=pairs or run / "pairs",
        run=run,
        steps=steps,
        seed=seed,
        threads=threads,
    )
    manifest = make_generator(
        settings, output, pairs_limit=pairs_limit, version=version or version_of(now), now=now
    )
    typer.echo(f"{manifest.version} with {len(manifest.styles)} styles in {output}")


def version_of(now: datetime) -> str:
    """The version of a generator that was made now, unless another is given."""
    return f"{now:%Y.%m.%d}-1"


@contextmanager
def torch_needed() -> Iterator[None]:
    """Raises SettingsError where the training packages are not installed."""
    try:
        yield
    except ModuleNotFoundError as problem:
        raise SettingsError(
            f"{problem.name} is not installed: pip install 'stylecast[train]', or make setup-dev"
        ) from problem
