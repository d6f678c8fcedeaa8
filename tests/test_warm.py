"""Kernels are ready before they are needed: all of them, and on the first run compiled by two processes."""

import sys

import pytest

from harness import accelerate, run, warm
from tests.fixtures.build import program

needs_compiler = pytest.mark.skipif(not accelerate.compiles(), reason="kernels run uncompiled")


def overloads():
    """How many signatures each compiled function has that Python can call, dict."""
    from numba.core.registry import CPUDispatcher

    return {f"{name}.{key}": len(value.signatures)
            for name, module in list(sys.modules.items()) if name.startswith("harness.") and name.endswith("_kernels")
            for key, value in vars(module).items()
            if isinstance(value, CPUDispatcher) and value.py_func.__module__ == name}


@needs_compiler
def test_load__has_every_kernel_of_an_encode_in_the_form_in_which_it_is_called():
    warm.load()
    ready = overloads()
    run.encode(run.prepare(program("several_units").path, threads=1))
    after = overloads()
    assert len(ready) > 20 and {name: n for name, n in after.items() if n != ready.get(name)} == {}


@pytest.fixture
def told(monkeypatch):
    """What a first run does, in order."""
    told = []

    class Process:
        def __init__(self, command, **options):
            told.append(command[1:])

        def wait(self):
            told.append("wait")

    monkeypatch.setattr(accelerate, "first_run", lambda: True)
    monkeypatch.setattr(accelerate, "compiles", lambda: True)
    monkeypatch.setattr(accelerate, "CACHED", True)
    monkeypatch.setattr(warm.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(warm, "_processes", [])
    monkeypatch.setattr(warm.subprocess, "Popen", Process)
    for name in ("main", "_first_pass", "_rest"):
        monkeypatch.setattr(warm, name, lambda name=name: told.append(name))
    return told


def test_start__compiles_in_two_processes_what_load_loads(told):
    warm.start(told.append)
    assert told == [["-m", "harness.warm"], "compile kernels", "_first_pass", "_rest", "wait"]
    told.clear()
    warm.load()
    assert sorted(told) == ["_first_pass", "_rest", "main"]


@pytest.mark.parametrize(("name", "value"), [("CACHED", False), ("compiles", lambda: False)])
def test_start__does_nothing_where_nothing_would_be_kept(told, monkeypatch, name, value):
    monkeypatch.setattr(accelerate, name, value)
    warm.start(told.append)
    assert told == []


def test_start__leaves_compiling_to_the_first_use_if_no_process_can_be_started(told, monkeypatch):
    def refused(*args, **options):
        raise OSError("no")

    monkeypatch.setattr(warm.subprocess, "Popen", refused)
    warm.start(told.append)
    assert told == []
