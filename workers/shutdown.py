"""SIGTERM and Ctrl-C: a worker is asked to stop, and one that cannot in time ends where it is.

What ends so is what a kill would have left: the transaction in hand is never committed, and its
records come again. A call of librdkafka in an outage lasts longer than an orchestrator waits, and
Python's own handlers run only after it; so a thread hears of signals by a pipe.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from workers.telemetry import log

STOP_SECONDS = 8.0
"""Below the ten seconds in which the design wants a worker gone."""
LAST_SECONDS = 9.5
"""Then it ends even in the tear-down of the interpreter, which frees the clients of librdkafka."""
HANDLER_THREAD = "handler"
"""Begins the name of the thread in which a worker's handler works."""


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM or Ctrl-C sets; only for the main thread of a process.

    Whoever is still in the block STOP_SECONDS later ends with the process.
    """
    stop, over = threading.Event(), threading.Event()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)  # as Python asks of a wake-up pipe
    before = {number: signal.signal(number, _heard) for number in (signal.SIGTERM, signal.SIGINT)}
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


def end_now() -> None:
    """End the process without another word to anyone, but tell where it stood."""
    stacks = sys._current_frames()  # noqa: SLF001 (its public name)
    lines = []
    for thread in threading.enumerate():
        is_told = thread is threading.main_thread() or thread.name.startswith(HANDLER_THREAD)
        if is_told and thread.ident in stacks:
            lines += traceback.format_stack(stacks[thread.ident])[-6:]
    log.warning("shutdown_forced", seconds=STOP_SECONDS, at="".join(lines))
    sys.stderr.flush()
    os._exit(0)


def _heard(*_: object) -> None:
    """Python wants a handler; the signal has come by the pipe."""


def _listen(reading: int, stop: threading.Event, over: threading.Event) -> None:
    """Until the pipe is closed; after a signal no longer than STOP_SECONDS."""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        if pipe.read(1):
            stop.set()
            faulthandler.dump_traceback_later(LAST_SECONDS, exit=True)
            if not over.wait(STOP_SECONDS):
                end_now()
