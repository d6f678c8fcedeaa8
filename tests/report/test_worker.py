"""A report's second process gives what the first would, and ends with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.report.worker import Here, worker

ROOT = Path(__file__).parents[2]


def test_worker__of_one_thread_is_this_process():
    with worker(1) as pool:
        assert isinstance(pool, Here) and pool.submit(os.getpid).result() == os.getpid()


@pytest.mark.long
def test_worker__is_another_process_and_hands_errors_on():
    with worker(2) as pool:
        assert pool.submit(os.getpid).result() != os.getpid()
        with pytest.raises(ValueError, match="invalid literal"):
            pool.submit(int, "x").result()


WAITING = """
import os, time
from harness.report.worker import worker
if __name__ == "__main__":
    with worker(2) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        time.sleep(60)
"""


@pytest.mark.long
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_worker__ends_with_the_process_that_made_it(tmp_path, end):
    script = tmp_path / "waiting.py"
    script.write_text(WAITING)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's & ignores it
                          env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        other = int(process.stdout.readline())
        process.send_signal(end)
        process.wait(20)
    deadline = time.monotonic() + 20
    while alive(other) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(other)


def alive(pid):
    """Whether a process runs; a dead one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
