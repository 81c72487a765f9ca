"""A small process that runs a command and ends it together with its own parent.

`python keeper.py PATIENCE PID_FILE FOLDER COMMAND...` writes the command's process id and waits.
On the line "stop" it ends the command: SIGTERM, after PATIENCE seconds SIGKILL. When its standard
input closes without that line, or its parent is gone, it does the same and removes FOLDER unless
that is empty. Should the keeper be killed, Linux kills the command too (PR_SET_PDEATHSIG); other
systems have no such mechanism. Standard library only, so that it starts fast.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

LOOK_SECONDS = 0.2
SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of linux/prctl.h


def main() -> int:
    """Run the command until it ends or is to be ended; return its exit status."""
    patience, pid_file, folder, *command = sys.argv[1:]
    parent = os.getppid()
    child = subprocess.Popen(  # this process has one thread, so preexec_fn is safe
        command,
        stdin=subprocess.DEVNULL,
        stdout=2,
        preexec_fn=_die_too,  # noqa: PLW1509
    )
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    Path(pid_file).write_text(str(child.pid))
    asked = _wait(child, parent)
    status = _end(child, float(patience))
    if folder and not asked:
        shutil.rmtree(folder, ignore_errors=True)
    return status if status >= 0 else 128 - status


def _wait(child: subprocess.Popen[bytes], parent: int) -> bool:
    """Wait for the command's end, or the parent's word or death; return False for its death."""
    while os.getppid() == parent:
        if select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
            return sys.stdin.readline() == "stop\n"
        if child.poll() is not None:
            return True
    return False


def _end(child: subprocess.Popen[bytes], patience: float) -> int:
    child.terminate()
    try:
        return child.wait(patience)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def _die_too() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
