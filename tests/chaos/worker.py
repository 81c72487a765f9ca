"""`python -m chaos.worker run WORKER ...`: `stylecast`, with the points at which it can be struck.

CHAOS_FOLDER is where its orders come from; CHAOS_MUTANT breaks one rule of the commit, to show
that the storm notices.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from chaos.mutations import MUTATIONS
from chaos.points import Points, watched_handle, watched_producer, watched_reader, watched_sidecars

from workers.__main__ import main
from workers.kafka import clients, loop


def watch(worker: str) -> None:
    """Put the points into the modules that this worker uses."""
    points = Points(Path(os.environ["CHAOS_FOLDER"]))
    loop.Session._handle = watched_handle(points, loop.Session._handle)  # type: ignore[method-assign]
    clients.Producer = watched_producer(points)  # type: ignore[misc]
    if worker == "stylize":
        from stylecore.rendering import stylize

        stylize.read_sidecar, stylize.write_sidecar = watched_sidecars(points)
    if worker == "preferences":
        from workers.preferences import state

        state.TableReader = watched_reader(points, state.TableReader)  # type: ignore[misc]


if __name__ == "__main__":
    if mutant := os.environ.get("CHAOS_MUTANT"):
        MUTATIONS[mutant]()
    watch(sys.argv[2])
    main()
