"""The demo's progress: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

Told = Callable[[int], None]


class Progress:
    """Tells where the demo is."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()

    def stage(self, name: str) -> None:
        """A stage begins."""
        self._console.print(f"{time.monotonic() - self._started:6.1f} s  {name}", highlight=False)

    @contextmanager
    def bar(self, name: str, total: int) -> Iterator[Told]:
        """A stage whose end is known; the block tells each advance."""
        self.stage(f"{name} ({total})")
        columns = (
            TextColumn("          {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        shown = self._console.is_terminal
        with RichProgress(
            *columns, console=self._console, transient=True, disable=not shown
        ) as rich:
            task = rich.add_task(name, total=total)
            yield lambda count: rich.advance(task, count)
