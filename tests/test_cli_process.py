"""The command line as a process that is misused, has nowhere to write to, or is told to end."""

import ctypes
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from harness import process
from harness.cli.options import MAX_THREADS
from harness.errors import HarnessError, OutputError, UsageError
from harness.results import load
from tests.fixtures.build import program
from tests.measure.folders import any_instances, make
from tests.test_cli import ROOT, assert_refused, cli


def start(*args, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    return subprocess.Popen([sys.executable, "-m", "harness", *map(str, args)], text=True, env=environment, **options)


def refused_with(stdout, *args):
    """A run whose standard output is a file."""
    with start(*args, stdout=stdout, stderr=subprocess.PIPE) as running:
        _, said = running.communicate(timeout=300)
    return subprocess.CompletedProcess(args, running.returncode, "", said)


# Options


def test_cli__takes_quiet_and_verbose_before_and_after_the_verb(tmp_path):
    path = program("several_units").path
    for i, place in enumerate((["-q", "encode"], ["encode", "-q"])):
        done = cli(*place, path, "-o", tmp_path / str(i), "--encoding", "plain")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for place in (["-v", "check"], ["check", "-v"]):
        done = cli(*place, path)
        assert done.returncode == 2 and "Traceback" in done.stderr
        assert done.stderr.splitlines()[-1].startswith("btf-harness: ")


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "", MAX_THREADS + 1])
def test_cli__threads_are_a_number_of_at_least_one(tmp_path, value):
    done = cli("encode", program("several_units").path, "-o", tmp_path / "o", f"--threads={value}")
    assert_refused(done, f"--threads: expected a number from 1 to {MAX_THREADS}, found '{value}'", "encode --help")
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(("arguments", "words"), [
    (["nonsense"], "VERB: invalid choice: 'nonsense'"),
    (["encode", "x"], "required: -o/--output"),
    (["dump", "x", "--format", "xml"], "--format: invalid choice: 'xml'"),
    (["encode", "x", "-o", "y", "--policy", "all", "--policy", "current"], "--policy: given twice; it takes one value"),
    (["encode", "x", "-o", "y", "--kernel-step", "--no-kernel-step"], "--kernel-step/--no-kernel-step: given twice"),
    (["mail", "x", "--attach", "bytes"], "--attach: needs --patch"),
    (["mail", "x", "--no-attach"], "--no-attach: needs --patch"),
    (["mail", "x", "-o", "y"], "--output: needs --patch"),
    (["mail", "x", "--patch", "y"], "--patch: needs -o"),
    (["mail", "x", "--patch", "y", "-o", "z", "--attach", "bytes", "--no-attach"], "--attach: cannot be combined with"),
])
def test_cli__misused_options_are_one_line_that_names_them(arguments, words):
    assert_refused(cli(*arguments), words)


def test_usage_error__is_an_error_of_its_own_that_names_the_option():
    error = UsageError.choice("policy", ("all", "current"), "some")
    assert isinstance(error, HarnessError) and error.option == "policy"
    assert str(error) == "--policy: expected one of all, current, found 'some'"


# Input that is none


def test_cli__says_what_is_wrong_with_a_folder(tmp_path):
    for verb in (["report", tmp_path, "-o", tmp_path / "r"], ["functions", tmp_path], ["lookup", "f", tmp_path]):
        assert_refused(cli(*verb), str(tmp_path), "a directory that encode or report wrote", "manifest.json")
    assert_refused(cli("encode", tmp_path, "-o", tmp_path / "o"), "expected a regular file, found a directory")
    assert_refused(cli("index", tmp_path), "expected directories with reports", "found none")
    (tmp_path / "report.json").write_text("{}")
    assert_refused(cli("report", tmp_path, "-o", tmp_path / "r"), "expected a report with results")
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


# Output that cannot be written


@pytest.mark.long
def test_cli__refuses_a_full_or_closed_standard_output_before_any_work(tmp_path):
    path = program("several_units").path
    with open("/dev/full", "w") as full:
        for arguments in (["kernels"], ["encode", path, "-o", tmp_path / "o"], ["report", path, "-o", tmp_path / "o"],
                          ["functions", path], ["dump", path]):
            assert_refused(refused_with(full, *arguments), "standard output cannot be written: No space left")
        assert not (tmp_path / "o").exists()
        assert refused_with(full, "encode", path, "-q", "-o", tmp_path / "o").returncode == 0
        for arguments in (["--help"], ["--version"]):
            assert_refused(refused_with(full, *arguments), "standard output cannot be written: No space left")


def without(number, *args):
    """A run with a standard stream closed."""
    code = f"import os, sys; os.close({number}); os.execv((e := sys.executable), [e, '-m', 'harness', *sys.argv[1:]])"
    return subprocess.run([sys.executable, "-c", code, *map(str, args)], cwd=ROOT, capture_output=True, text=True,
                          timeout=300)


@pytest.mark.long
def test_cli__a_closed_standard_output_is_refused_and_another_closed_stream_is_not_missed(tmp_path):
    for arguments in (["kernels"], ["--help"], ["encode", "--help"], ["--version"]):
        assert_refused(without(1, *arguments), "standard output is closed")
    path = program("several_units").path
    for number in (0, 2):
        done = without(number, "encode", path, "-o", tmp_path / str(number))
        assert done.returncode == 0 and "plain.btf" in done.stdout
        assert load(tmp_path / str(number))["sound"].encodings == ["plain", "decl_tag", "btf_func"]
    done = without(2, "encode", tmp_path / "none", "-o", tmp_path / "o")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


def test_cli__an_error_while_standard_output_is_written_is_one_line(tmp_path):
    import resource

    limit = (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    with open(tmp_path / "out", "w") as file:
        with start("--help", stdout=file, stderr=subprocess.PIPE,
                   preexec_fn=lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
                                       resource.setrlimit(resource.RLIMIT_FSIZE, limit))) as running:
            _, said = running.communicate(timeout=300)
    assert_refused(subprocess.CompletedProcess((), running.returncode, "", said), "cannot be written: File too large")


def test_cli__writes_names_as_they_are_in_the_file_whatever_the_locale(tmp_path):
    folder = make(tmp_path / "odd", instances=any_instances(3))
    names = [line.split(b",")[0] for line in (folder / "functions.csv").read_bytes().splitlines()]
    with start("functions", folder, "--csv", "-q", stdout=subprocess.PIPE, encoding="utf-8", errors="surrogateescape",
               env={"PYTHONIOENCODING": "ascii:strict"}) as running:
        said, _ = running.communicate(timeout=300)
    assert running.returncode == 0
    listed = [line.split(",")[0].encode("utf-8", "surrogateescape") for line in said.splitlines()]
    assert listed == names and {b"\xff", "é".encode()} < {*names}


@pytest.mark.parametrize("verb", ["encode", "report"])
def test_cli__refuses_an_output_that_cannot_be_written_before_any_work(tmp_path, verb):
    (tmp_path / "file").write_text("")
    absent = tmp_path / "no-kernel"  # found missing only if the output is looked at later
    for place in (tmp_path / "file" / "x" / "y", "/proc/x/y", tmp_path / ("n" * 300) / "x"):
        assert_refused(cli(verb, absent, "-q", "-o", place), "the output directory cannot be created")
    assert_refused(cli(verb, absent, "-q", "-o", tmp_path / "file"), str(tmp_path / "file"))
    assert_refused(cli(verb, absent, "-q", "-o", ""), "expected an output directory, found an empty name")
    assert_refused(cli(verb, absent, "-q", "-o", tmp_path / "a" / "b"), "no such file")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_check_folder__leaves_what_was_there(tmp_path):
    (tmp_path / "there" / "in it").mkdir(parents=True)
    for place in (tmp_path / "there", tmp_path / "a" / "b" / "c"):
        process.check_folder(place)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["in it", "there"]
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(OutputError, match="link/x: the output directory cannot be created: "):
        process.check_folder(tmp_path / "link" / "x")


# A cache that cannot be written


@pytest.mark.long
def test_cli__says_once_that_no_compiled_kernel_is_kept_and_puts_none_elsewhere(tmp_path):
    (tmp_path / "file").write_text("")
    code = ("from harness import accelerate, ui, warm\n"
            "with ui.Progress('title'): print(accelerate.CACHED, accelerate.first_run(), warm.start())")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "file")}
    env.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=300)
    assert done.stdout.split() == ["False", "True", "None"], done.stderr
    assert done.stderr.count("is not writable") == 1 and "later runs" not in done.stderr
    kept = "from harness.btf import check_kernels as k; print(type(k.check_rows._cache).__name__)"
    done = subprocess.run([sys.executable, "-c", kept], capture_output=True, text=True, env=env, timeout=300)
    assert done.stdout.strip() == "NullCache", done.stderr


# Signals

WORKING = """
import multiprocessing, os, sys, time
from pathlib import Path
from tempfile import TemporaryDirectory
from harness import cli, process, warm
from harness.cli import fetching
from harness.report.folder import replacing
from harness.report.worker import worker

def work(args):
    with replacing(sys.argv[1]) as fresh, TemporaryDirectory(dir=Path(sys.argv[1]).parent), worker(2) as pool:
        other = pool.submit(os.getpid).result()
        pool.submit(time.sleep, 60)
        warm._processes.append(__import__("subprocess").Popen(["sleep", "60"]))
        print(other, warm._processes[0].pid, flush=True)
        {wait}

fetching.run_kernels = work
if __name__ == "__main__":
    sys.argv[2:] = []
    cli.main.__defaults__ = (["kernels"],)
    cli.entry()
"""

WAITS = {
    "asleep": "time.sleep(60)",
    # which cannot be interrupted, as one that waits for numba's lock cannot
    "on a thread": "with process.workers(2) as threads: threads.submit(time.sleep, 60).result()",
    # a signal that comes in there ends it afterwards
    "undisturbed": "with process.undisturbed(): time.sleep(1)\n        time.sleep(60)",
    # Python makes a RuntimeError of what is raised in there
    "in a class body": "type('C', (), {'x': type('D', (), {'__set_name__': lambda *a: time.sleep(60)})()})",
}


@pytest.mark.long
@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize(("end", "code", "word"), [(signal.SIGTERM, 143, "terminated"),
                                                   (signal.SIGINT, 130, "interrupted")])
def test_cli__leaves_nothing_behind_when_it_is_told_to_end(tmp_path, wait, end, code, word):
    script = tmp_path / "script" / "working.py"
    script.parent.mkdir()
    script.write_text(WORKING.replace("{wait}", WAITS[wait]))
    place = tmp_path / "out" / "report"
    with subprocess.Popen([sys.executable, script, place], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's & ignores it
                          env={**os.environ, "PYTHONPATH": str(ROOT)}) as running:
        others = [int(pid) for pid in running.stdout.readline().split()]
        assert len(others) == 2
        time.sleep(0.2)
        running.send_signal(end)
        _, said = running.communicate(timeout=60)
    assert (running.returncode, said) == (code, f"btf-harness: {word}\n")
    assert list(place.parent.iterdir()) == []
    deadline = time.monotonic() + 20
    while any(map(alive, others)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, others))


def alive(pid):
    """Whether a process runs; a dead one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# The terminal


@pytest.mark.long
@pytest.mark.parametrize("columns", [60, 100])
def test_cli__functions_follows_the_width_of_the_terminal(tmp_path, columns):
    folder = tmp_path / "out"
    assert cli("encode", program("several_units").path, "-q", "-o", folder).returncode == 0
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    without = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    with subprocess.Popen([sys.executable, "-m", "harness", "functions", folder, "-q"], stdout=theirs,
                          stderr=subprocess.PIPE, env={**without, "PYTHONPATH": str(ROOT)}) as running:
        os.close(theirs)
        data = b""
        while True:
            try:
                data += os.read(ours, 1 << 16)
            except OSError:  # the other end is closed
                break
    os.close(ours)
    lines = data.decode().splitlines()
    assert running.returncode == 0 and lines[0].split()[:2] == ["name", "address"]
    assert columns // 2 < max(map(len, lines)) <= columns
    piped = cli("functions", folder, "-q").stdout.splitlines()
    assert max(map(len, piped)) > columns and len(piped) <= len(lines)


# Memory


def anonymous_kib():
    """Memory of this process that is of no file."""
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0])


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")
def test_give_memory_back__returns_what_lies_between_blocks_in_use():
    blocks = [b"x" * 100_000 for _ in range(500)]
    del blocks[:-1]  # the last keeps the heap from shrinking by itself
    kept = anonymous_kib()
    process.give_memory_back()
    assert kept - anonymous_kib() > 30_000


def test_give_memory_back__does_nothing_in_a_c_library_without_it(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    process.give_memory_back()
