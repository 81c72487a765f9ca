"""`stylecast`: the command line. Exit 0; 1 for a failure, which is one line; 2 for wrong usage.

Only the module of the command that was asked for is imported, so that each starts fast; all of
them where help is wanted.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Annotated

import typer

from stylecore.errors import StylecastError

COMMANDS = {
    "demo": ("demo", "demo"),
    "broker": ("cluster", "broker"),
    "topics": ("cluster", "topics_app"),
    "run": ("run", "run"),
    "publish": ("events", "publish_app"),
    "tail": ("events", "tail"),
    "render": ("render", "render"),
    "cutout": ("cutout", "cutout"),
    "poster": ("poster", "poster"),
    "recommend": ("events", "recommend"),
    "dead-letters": ("dead_letters", "dead_letters_app"),
    "forget": ("events", "forget"),
    "store": ("store", "store_app"),
    "factors": ("store", "factors_app"),
    "styles": ("render", "styles"),
    "scenes": ("scenes", "scenes"),
    "lag": ("cluster", "lag"),
    "top": ("top", "top"),
    "train": ("train", "train_app"),
    "evaluate": ("evaluate_models", "evaluate_app"),
    "export": ("train", "export"),
    "doctor": ("doctor", "doctor"),
    "settings": ("cluster", "settings"),
}
"""Command to its module in workers.commands, and its function or group of commands there."""

EXTRAS = {
    "onnxruntime": "pip install 'stylecast[cpu]', or 'stylecast[gpu]' where an NVIDIA GPU is",
    "torch": "pip install 'stylecast[train]'",
    "onnx": "pip install 'stylecast[train]'",
    "onnxscript": "pip install 'stylecast[train]'",
    "skimage": "pip install 'stylecast[train]'",
}
"""How to install what not every command needs."""


def main() -> None:
    """Run the command line; a failure that we know is one line on standard error."""
    import structlog
    from confluent_kafka import KafkaException

    # Standard output is the command's own; `run` replaces this by a worker's log.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        make_app(sys.argv[1:])()
    except StylecastError as problem:
        fail(str(problem))
    except ModuleNotFoundError as problem:
        if problem.name not in EXTRAS:
            raise
        fail(f"the package {problem.name} is not installed: {EXTRAS[problem.name]}")
    except KafkaException as problem:
        fail(f"Kafka: {problem.args[0].str()}")
    except KeyboardInterrupt:
        sys.exit(130)


def make_app(arguments: Sequence[str]) -> typer.Typer:
    """Return the commands, or only the one that the arguments name."""
    app = typer.Typer(
        help="Renders product photos in several styles and learns which to show to whom.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_options)  # also keeps a single command a command
    asked = arguments[0] if arguments and arguments[0] in COMMANDS else None
    for name in [asked] if asked else COMMANDS:
        module, attribute = COMMANDS[name]
        command = getattr(import_module(f"workers.commands.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"stylecast {metadata.version('stylecast')}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    del version


def fail(message: str) -> None:
    """Print one line on standard error, and exit 1."""
    print(f"stylecast: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
