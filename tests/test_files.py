from pathlib import Path

import pytest

import ddim.files
from ddim.files import patiently, replace_file


class InUse(PermissionError):
    """What Windows says about a file that another process has open."""

    winerror = 32


def test_a_file_in_use_is_replaced_once_it_is_free(tmp_path, monkeypatch):
    monkeypatch.setattr(ddim.files, "PAUSE", 0)
    refusals, rename = [InUse(), InUse()], Path.replace

    def refuse_twice(unfinished, path):
        if refusals:
            raise refusals.pop()
        return rename(unfinished, path)

    monkeypatch.setattr(Path, "replace", refuse_twice)
    for name in ("unfinished", "file"):
        (tmp_path / name).write_text(name)
    replace_file(tmp_path / "unfinished", tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "unfinished"


def test_a_file_that_stays_in_use_is_an_error_in_the_end(monkeypatch):
    monkeypatch.setattr(ddim.files, "PAUSE", 0)
    with pytest.raises(InUse):
        patiently(refuse(InUse, calls := []))
    assert len(calls) > 10


def test_what_is_forbidden_is_an_error_at_once():
    with pytest.raises(PermissionError):
        patiently(refuse(PermissionError, calls := []))
    assert len(calls) == 1


def refuse(error, calls):
    """An action that always raises this, and counts how often."""

    def action():
        calls.append(error)
        raise error

    return action
