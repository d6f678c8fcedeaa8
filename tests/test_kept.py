"""Answers that are kept: what is not exactly what was written is not believed, and no cache does harm."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import files, kept

KEY = {"sha256": "00", "by": ["x", 1, None]}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "btf-harness" / "answers"


@pytest.mark.parametrize("answer", [3, "text \udcff", ["refused", {"a": [1, 2]}], {}, [], 0, False])
def test_kept__is_recalled_under_its_key_only(answer):
    assert kept.recall("answers", KEY) is None
    kept.keep("answers", KEY, answer)
    assert kept.recall("answers", dict(reversed(KEY.items()))) == answer
    assert kept.recall("answers", {**KEY, "sha256": "01"}) is None and kept.recall("others", KEY) is None


def test_kept__every_byte_that_is_changed_or_missing_is_noticed(folder):
    kept.keep("answers", KEY, ["accepted", "", "3 types"])
    (path,) = folder.glob("*")
    data = path.read_bytes()
    meaning = json.loads(data)
    for at in range(len(data)):
        for other in (data[:at], data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], data[:at] + data[at + 1 :]):
            path.write_bytes(other)
            try:
                same = json.loads(other) == meaning  # white space
            except ValueError:
                same = False
            assert kept.recall("answers", KEY) == (["accepted", "", "3 types"] if same else None)


@pytest.mark.parametrize("other", [b"", b"[]", b"null", b"{}", b"[" * 100_000, b"\xff", b'{"key": 1}'])
def test_kept__what_is_no_entry_is_none(folder, other):
    kept.keep("answers", KEY, 1)
    (path,) = folder.glob("*")
    path.write_bytes(other)
    assert kept.recall("answers", KEY) is None


def test_kept__under_another_name_is_not_the_answer(folder):
    kept.keep("answers", KEY, 1)
    kept.keep("answers", "other", 2)
    one, two = folder.glob("*")
    data = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(data)
    assert kept.recall("answers", KEY) is None and kept.recall("answers", "other") is None


def test_kept__a_cache_that_cannot_be_written_does_no_harm(folder, monkeypatch):
    folder.parent.write_text("not a folder")
    kept.keep("answers", KEY, 1)
    assert kept.recall("answers", KEY) is None
    folder.parent.unlink()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    kept.keep("answers", KEY, 1)
    assert kept.recall("answers", KEY) is None and not list(folder.glob("*.json")) and not list(folder.glob(".*"))


def test_kept__by_many_at_once_is_one_of_them():
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: (kept.keep("answers", KEY, n), kept.recall("answers", KEY))[1], range(80)))
    assert set(answers) <= set(range(80)) and kept.recall("answers", KEY) in range(80)
