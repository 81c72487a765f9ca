"""`stylecast`: the command line. Exit 0, 1 for a failure told in one line, 2 for wrong usage."""

from __future__ import annotations

import sys

import typer
from confluent_kafka import KafkaException

from stylecore.errors import StylecastError
from workers.commands import (
    broker,
    demo,
    doctor,
    lag,
    offline,
    publish,
    recommend,
    render,
    run,
    settings,
    styles,
    tail,
    topics,
)

app = typer.Typer(
    help="Renders product photos in several styles and learns which to show to whom.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("demo")(demo.demo)
app.command("broker")(broker.broker)
app.add_typer(topics.app, name="topics")
app.command("run")(run.run)
app.add_typer(publish.app, name="publish")
app.command("tail")(tail.tail)
app.command("render")(render.render)
app.command("recommend")(recommend.recommend)
app.command("styles")(styles.styles)
app.command("lag")(lag.lag)
app.add_typer(offline.train_app, name="train")
app.command("export")(offline.export)
app.command("doctor")(doctor.doctor)
app.command("settings")(settings.settings)


def main() -> None:
    """Run the command line; a failure that we know is one line on standard error."""
    try:
        app()
    except StylecastError as problem:
        fail(str(problem))
    except KafkaException as problem:
        fail(f"Kafka: {problem.args[0].str()}")
    except KeyboardInterrupt:
        sys.exit(130)


def fail(message: str) -> None:
    """One line on standard error, exit 1."""
    print(f"stylecast: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
