"""`stylecast store prune` removes what nothing refers to; `stylecast factors list, use, unpin`."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from stylecore.storage.render_cache import SIDECAR_FOLDER as SIDECARS
from stylecore.storage.store import Store
from workers import prune as pruning
from workers.commands.printing import JsonFlag, print_json, print_rows, print_table
from workers.factors import announce, factor_versions, latest_version, version_in_use
from workers.settings import load_settings

store_app = typer.Typer(help="Look after the store of pictures and factors.", no_args_is_help=True)
store_app.callback()(lambda: None)  # keeps the single command a command


@store_app.command()
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
    settings = load_settings()
    pruned = pruning.prune(
        settings,
        Store(settings.store.uri),
        pruning.Limits(timedelta(hours=age_hours), keep_factors, wait_seconds),
        apply=apply,
        now=datetime.now(UTC),
        wait=time.sleep,
    )
    found = pruned.found
    rows = [
        {
            "folder": folder,
            "needed": found.kept[folder],
            "unneeded": len(files),
            "megabytes": sum(file.size for file in files) / 1e6,
        }
        for folder, files in {SIDECARS: found.sidecars, **found.blobs}.items()
    ]
    if as_json:
        done = {"removed": pruned.removed, "removed_bytes": pruned.removed_bytes}
        done["unreadable_sidecars"] = found.unreadable
        print_json({"folders": rows, "applied": apply, **done})
        return
    print_table("Store", rows)
    if found.unreadable:
        typer.echo(f"{found.unreadable} sidecars cannot be read and were passed over")
    if apply:
        typer.echo(f"{pruned.removed} files removed, {pruned.removed_bytes / 1e6:.1f} MB")
    else:
        typer.echo("nothing was removed: --apply does it")


LATEST = "latest"

factors_app = typer.Typer(
    help="The recommender's factors, and which are in use.", no_args_is_help=True
)


@factors_app.command(name="list")
def list_factors(as_json: JsonFlag = False) -> None:
    """List the artifacts in the store, the newest first."""
    print_rows("Factors", factor_versions(load_settings()), as_json=as_json)


@factors_app.command()
def use(
    version: Annotated[str, typer.Argument(help="As `list` shows it, or 'latest'.")],
) -> None:
    """Announce an artifact of the store again and pin it; 'latest' is not pinned.

    While a version is pinned the trainer announces no other.
    """
    settings = load_settings()
    if version == LATEST:
        version = latest_version(settings)
        announce(settings, version, datetime.now(UTC), pinned=False)
        typer.echo(f"announced {version}; the trainer goes on from it")
    else:
        announce(settings, version, datetime.now(UTC), pinned=True)
        typer.echo(f"announced {version}, pinned: `stylecast factors unpin` lets refits go on")


@factors_app.command()
def unpin() -> None:
    """Let refits go on, from the version in use."""
    settings = load_settings()
    version = version_in_use(settings)
    announce(settings, version, datetime.now(UTC), pinned=False)
    typer.echo(f"announced {version}, not pinned: the trainer goes on from it")
