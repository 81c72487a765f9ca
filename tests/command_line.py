"""The command line in the test's own process: each of its own costs a second of imports."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from workers.__main__ import main


def stylecast(
    *arguments: object, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """What the console script does with these arguments: exit status, standard output and error.

    `environment` is set beside what is set already.
    """
    given, out, err = (
        io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="", write_through=True)
        for data in (stdin.encode(), b"", b"")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["stylecast", *map(str, arguments)])
        for name, stream in {"stdin": given, "stdout": out, "stderr": err}.items():
            patch.setattr(sys, name, stream)
        for name, value in environment.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main()
    said = [stream.detach().getvalue().decode() for stream in (out, err)]
    return subprocess.CompletedProcess(sys.argv, ended.value.code or 0, *said)
