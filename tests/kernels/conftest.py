"""A cache directory of the test's own, and an apt that offers what the test says."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def cache_home(tmp_path, monkeypatch):
    """An empty cache directory; yields the program's part of it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "btf-harness"


# Answers from files in the directory `offered`: pkgnames, records, and packages to "download".
FAKE_APT = """#!/bin/sh
offered={offered}
echo "${{0##*/}} $*" >> "$offered/calls"
case "${{0##*/}} $*" in
*"apt-config shell"*)
    shift
    while [ $# -gt 0 ]; do
        case "$1" in
        sourcelist) echo "$1='$offered/sources.list'" ;;
        *) echo "$1='$offered/none'" ;;
        esac
        shift 2
    done ;;
*"apt-config dump"*) echo 'Acquire::http::Proxy "http://proxy.invalid:1";' ;;
*"apt-get -q update"*) if [ -e "$offered/offline" ]; then echo "E: no network" >&2; exit 100; fi ;;
*"apt-cache pkgnames"*) cat "$offered/names" ;;
*"apt-cache show"*) cat "$offered/records" ;;
*"apt-get -q -s --no-install-recommends install"*) cat "$offered/plan" ;;
*"apt-get -q download"*) cp "$offered/${{3%%=*}}"_*.deb . ;;
*) echo "E: unexpected $*" >&2; exit 100 ;;
esac
"""


@pytest.fixture
def fake_apt(tmp_path, monkeypatch):
    """An apt that offers what lies in a directory; yields that directory."""
    offered, tools = tmp_path / "offered", tmp_path / "bin"
    offered.mkdir()
    tools.mkdir()
    for tool in ("apt-get", "apt-cache", "apt-config"):
        (tools / tool).write_text(FAKE_APT.format(offered=offered))
        (tools / tool).chmod(0o755)
    (offered / "sources.list").write_text("deb [arch=mips] http://mirror.invalid/debian bookworm main\n")
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return offered
