"""`stylecast store prune`: what nothing names any more, out of the store."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from stylecore.storage.prune import Unneeded
from stylecore.storage.render_cache import SIDECAR_FOLDER as SIDECARS
from workers.commands.printing import JsonFlag, print_json, print_table
from workers.settings import load_settings

app = typer.Typer(help="Look after the store of pictures and factors.", no_args_is_help=True)
app.callback()(lambda: None)  # keeps the single command a command


@app.command()
def prune(
    apply: Annotated[bool, typer.Option("--apply", help="Remove; else only say what.")] = False,
    age_hours: Annotated[
        float, typer.Option(min=0, help="Leave what was written within these hours.")
    ] = 24,
    keep_factors: Annotated[
        int, typer.Option(min=1, help="Leave as many of the newest factors, to go back to.")
    ] = 5,
    wait_seconds: Annotated[
        float, typer.Option(min=0, help="Longer than a batch of stylize takes.")
    ] = 180,
    as_json: JsonFlag = False,
) -> None:
    """Remove images, sidecars, embeddings and factors that no record names any more.

    Workers may go on meanwhile. Reads the topics whole, the lists of all shoppers included.
    """
    from stylecore.storage.store import Store
    from workers.prune import Limits, prune

    settings = load_settings()
    limits = Limits(timedelta(hours=age_hours), keep_factors, wait_seconds)
    pruned = prune(
        settings,
        Store(settings.store.uri),
        limits,
        apply=apply,
        now=datetime.now(UTC),
        wait=time.sleep,
    )
    rows = _rows(pruned.found)
    if as_json:
        done = {"removed": pruned.removed, "removed_bytes": pruned.removed_bytes}
        done["unreadable_sidecars"] = pruned.found.unreadable
        print_json({"folders": rows, "applied": apply, **done})
        return
    print_table("Store", rows)
    if pruned.found.unreadable:
        typer.echo(f"{pruned.found.unreadable} sidecars cannot be read and were passed over")
    if apply:
        typer.echo(f"{pruned.removed} files removed, {pruned.removed_bytes / 1e6:.1f} MB")
    else:
        typer.echo("nothing was removed: --apply does it")


def _rows(found: Unneeded) -> list[dict[str, Any]]:
    unneeded = {SIDECARS: found.sidecars, **found.blobs}
    return [
        {
            "folder": folder,
            "needed": found.kept[folder],
            "unneeded": len(files),
            "megabytes": sum(file.size for file in files) / 1e6,
        }
        for folder, files in unneeded.items()
    ]
