"""Shutdown by SIGTERM or Ctrl-C: a worker stops by itself, or the process exits after a deadline.

A forced exit leaves what a kill would have left: the open transaction is not committed, and its
records are processed again. A call of librdkafka in an outage takes longer than an orchestrator
waits, and Python's signal handlers run only after it returns; so a thread reads signals from a
wake-up pipe.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workers.telemetry import log

STOP_SECONDS = 8.0
"""A worker must be gone within ten seconds."""
LAST_SECONDS = 9.5
"""The process exits after this even during interpreter shutdown, which frees librdkafka clients."""
HANDLER_THREAD = "handler"
"""Prefix of the name of a handler's thread."""


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM or Ctrl-C sets; for the main thread of a process.

    If the block has not ended STOP_SECONDS after the signal, the process exits.
    """
    stop, over = threading.Event(), threading.Event()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)  # as signal.set_wakeup_fd requires
    # Python requires a handler, but the signal is read from the pipe.
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    wakeup_before = signal.set_wakeup_fd(writing)
    thread = threading.Thread(target=_listen, args=(reading, stop, over), name="signals")
    thread.start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(wakeup_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        over.set()
        os.close(writing)
        thread.join()


@contextmanager
def in_thread(name: str, work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run `work` in a daemon thread; the end of the block sets its event, without waiting."""
    over = threading.Event()
    threading.Thread(target=work, args=(over,), name=name, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def end_now() -> None:
    """Exit the process at once, after logging the stacks of the main and handler threads."""
    stacks = sys._current_frames()  # noqa: SLF001 (its public name)
    lines = []
    for thread in threading.enumerate():
        is_ours = thread is threading.main_thread() or thread.name.startswith(HANDLER_THREAD)
        if is_ours and thread.ident in stacks:
            lines += traceback.format_stack(stacks[thread.ident])[-6:]
    log.warning("shutdown_forced", seconds=STOP_SECONDS, at="".join(lines))
    sys.stderr.flush()
    os._exit(0)


def _listen(reading: int, stop: threading.Event, over: threading.Event) -> None:
    """Wait for a signal or the end of the pipe, and after a signal up to STOP_SECONDS."""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        if pipe.read(1):
            stop.set()
            faulthandler.dump_traceback_later(LAST_SECONDS, exit=True)
            if not over.wait(STOP_SECONDS):
                end_now()
