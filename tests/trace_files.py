"""Run `stylecast` and note which of our files have a function that ran.

    python tests/trace_files.py OUTPUT run preferences

A line on standard input forgets what has run so far; the next one has the files written to OUTPUT,
one a line.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = tuple(f"{ROOT}/{name}/" for name in ("schemas", "stylecore", "workers"))


def main() -> None:
    """Trace every thread from now on, then behave as the command line."""
    output = Path(sys.argv[1])
    del sys.argv[1]
    sys.path.insert(0, str(ROOT))
    ran: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGES):
            ran.add(frame.f_code.co_filename)

    def listen() -> None:
        sys.stdin.readline()
        ran.clear()
        sys.stdin.readline()
        files = sorted(str(Path(name).relative_to(ROOT)) for name in [*ran])
        part = output.with_suffix(".part")
        part.write_text("\n".join(files), encoding="utf-8")
        part.rename(output)

    threading.Thread(target=listen, daemon=True).start()
    threading.setprofile(note)
    sys.setprofile(note)
    from workers.__main__ import main as stylecast

    stylecast()


if __name__ == "__main__":
    main()
