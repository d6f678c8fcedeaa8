"""Files are written whole or not at all."""

import os

import pytest

from harness import files
from harness.errors import OutputError


def test_write__replaces_the_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a.btf"
    path.write_bytes(b"old")
    files.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.btf"]


def test_write__keeps_the_old_file_when_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "a.btf"
    path.write_bytes(b"old")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match="a.btf: expected a writable file, found: No space left"):
        files.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.btf"]


def test_write__names_a_folder_that_is_missing(tmp_path):
    with pytest.raises(OutputError, match="No such file"):
        files.write(tmp_path / "none" / "a.btf", b"")


def test_make_folder__says_what_is_in_the_way(tmp_path):
    (tmp_path / "file").write_text("")
    assert files.make_folder(tmp_path / "a" / "b").is_dir() and files.make_folder(tmp_path / "a" / "b").is_dir()
    with pytest.raises(OutputError, match="file/x: the directory cannot be created: Not a directory"):
        files.make_folder(tmp_path / "file" / "x")


def test_remove__is_done_when_nothing_is_there(tmp_path):
    (tmp_path / "a").write_text("")
    files.remove(tmp_path / "a")
    files.remove(tmp_path / "a")
    assert not os.listdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="folder: the file cannot be removed"):
        files.remove(tmp_path / "folder")
