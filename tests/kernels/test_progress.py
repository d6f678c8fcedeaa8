"""What is shown while something takes long."""

from __future__ import annotations

import sys

import pytest

from harness.kernels.progress import step


def test_step__a_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with step("unpacking", "unpacked", "x", 10 << 20) as advance:
        advance(5 << 20)
        advance(10 << 20)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("unpacking x\n") and "10.0/10.0 MiB" in err


def test_step__silence_when_told(capsys):
    with step("unpacking", "unpacked", "x", 1, enabled=False) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")


def test_step__does_not_claim_to_be_done_when_it_failed(capsys):
    with pytest.raises(ValueError), step("unpacking", "unpacked", "x", 1):
        raise ValueError
    assert capsys.readouterr().err == "unpacking x (0.0 MiB)\n"
