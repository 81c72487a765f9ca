"""A process that is asked to stop is gone in time, wherever it stands."""

import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
import ctypes, sys, threading
from workers import shutdown
shutdown.STOP_SECONDS, shutdown.LAST_SECONDS = {stop}, {last}
with shutdown.stop_on_signals() as stop:
    print("here", flush=True)
    {work}
print("done", flush=True)
"""


def end(work: str, number: signal.Signals, stop: float = 60, last: float = 60):
    """What the process says, tells and ends with when it is asked to stop within the work."""
    command = [sys.executable, "-c", SCRIPT.format(work=work, stop=stop, last=last)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "here\n"
        time.sleep(0.2)
        process.send_signal(number)
        output, errors = process.communicate(timeout=50)
    return output, errors, process.returncode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_event_and_what_is_in_hand_is_finished(number):
    assert end("stop.wait()", number) == ("done\n", "", 0)


def test_the_event_is_set_while_the_main_thread_is_in_a_call_that_lasts():
    work = """threading.Thread(target=lambda: (stop.wait(), print("heard", flush=True))).start()
    import hashlib; hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000)"""
    assert end(work, signal.SIGTERM) == ("heard\ndone\n", "", 0)


def test_who_does_not_come_back_ends_where_it_is_and_tells_where():
    output, errors, status = end("threading.Event().wait()", signal.SIGTERM, stop=0.3)
    assert status == 0
    assert "done" not in output
    assert "shutdown_forced" in output + errors
    assert "<module>" in output + errors


def test_it_tells_where_the_handler_is_as_well():
    work = """def held(): threading.Event().wait()
    threading.Thread(target=held, name=shutdown.HANDLER_THREAD, daemon=True).start()
    threading.Event().wait()"""
    output, errors, _ = end(work, signal.SIGTERM, stop=0.3)
    assert "in held" in output + errors


def test_a_tear_down_that_does_not_end_is_ended_as_well():
    work = "import atexit, time; atexit.register(time.sleep, 40); stop.wait()"
    output, errors, status = end(work, signal.SIGTERM, last=0.6)
    assert (output, status) == ("done\n", 1)
    assert "most recent call first" in errors


def test_without_a_signal_the_block_is_left_as_it_was_entered():
    work = "before = stop"
    script = "import signal; kept = signal.getsignal(signal.SIGINT)\n"
    script += SCRIPT.format(work=work, stop=60, last=60)
    script += "print(signal.getsignal(signal.SIGINT) is kept)\n"
    script += "print(threading.active_count(), before.is_set())\n"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=50
    )
    assert found.stdout.split() == ["here", "done", "True", "1", "False"]
