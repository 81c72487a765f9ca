"""`stylecast broker`: the local Kafka in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def broker(
    folder: Annotated[
        Path | None, typer.Option(help="Keep the data here; else it goes with the broker.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="A free port by default.")] = None,
) -> None:
    """Run a local Kafka until Ctrl-C; the first line is its bootstrap address."""
    from workers.broker import run_broker_in_foreground

    run_broker_in_foreground(folder, port)
