"""`stylecast demo`: runs the whole product on this machine and ends."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from workers.commands.printing import JsonFlag, print_json
from workers.settings import load_settings


def demo(
    products: Annotated[
        Path | None, typer.Option(help="A folder of photos; its sub-folders are categories.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Products at most, spread over the categories.")
    ] = 48,
    output: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("output"),
    shoppers: Annotated[int, typer.Option(min=3, help="Simulated shoppers.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of the shoppers' tastes.")] = 7,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the shop open at the end, until Ctrl-C.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Photos in, renders and recommendations out, on a Kafka of its own."""
    from workers.demo.fleet import Progress
    from workers.demo.inputs import folder_products, sample_products
    from workers.demo.report import summary_of
    from workers.demo.run import Script, run_demo

    console = Console(stderr=as_json)
    if products is None:
        chosen = sample_products(limit)
    else:
        chosen = folder_products(
            products, limit, lambda why: typer.echo(f"left out: {why}", err=True)
        )
    script = Script(chosen, output.resolve(), shoppers, seed, keep, on_paper=products is not None)
    result = run_demo(script, load_settings(), Progress(console))
    if as_json:
        print_json(summary_of(result))
        return
    for name, value in summary_of(result).items():
        console.print(f"{name:28}{value}", highlight=False)
    console.print(f"\nLook at {script.output / 'report.html'}", soft_wrap=True)
