"""Old files go, whatever happens; what is young, laid out, or of another app stays."""

import logging
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tiny_runs import start_python

from ddim.ui import sweeping
from ddim.ui.sweeping import LOCK, SECONDS_KEPT, own_folder, sweep


@pytest.fixture
def folder(tmp_path):
    with own_folder(tmp_path) as folder:
        yield folder


@pytest.fixture
def old_now():
    """The time when whatever a test has written is an hour old."""
    return time.time() + SECONDS_KEPT + 1


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a picture")
    return path


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != LOCK)


def test_a_file_goes_after_an_hour_and_not_before(folder, old_now):
    write(folder / "sheet.png")
    write(folder / "0123" / "picture.png")
    assert list(sweep(folder, [], time.time() + SECONDS_KEPT - 60)) == []
    assert files_in(folder) == ["0123", "0123/picture.png", "sheet.png"]
    assert list(sweep(folder, [], old_now)) == []
    assert files_in(folder) == []


def test_what_was_laid_out_stays_and_is_of_today_for_whoever_else_sweeps(folder, old_now):
    kept = write(folder / "0123" / "first.png")
    write(folder / "0123" / "second.png")
    os.utime(kept, (0, 0))
    assert list(sweep(folder, [kept], old_now)) == []
    assert files_in(folder) == ["0123", "0123/first.png"]
    assert kept.stat().st_mtime == pytest.approx(old_now)
    assert (folder / LOCK).stat().st_mtime == pytest.approx(old_now)


def test_a_sweep_goes_on_past_folders_links_and_what_cannot_be_deleted(folder, old_now, tmp_path, monkeypatch):
    (folder / "a folder" / "in a folder").mkdir(parents=True)
    elsewhere = write(tmp_path / "elsewhere" / "precious.png")
    (folder / "link").symlink_to(elsewhere.parent)
    names = ["1.png", "2.png", "3.png"]
    for name in names:
        write(folder / name)
    unlink = Path.unlink

    def refuse(path):
        if path.name == "2.png":
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert [error.filename for error in sweep(folder, [], old_now)] == [str(folder / "2.png")]
    assert files_in(folder) == ["2.png"]
    assert elsewhere.exists()
    monkeypatch.undo()
    write(folder / "4.png")
    assert list(sweep(folder, [], old_now)) == []
    assert files_in(folder) == []


def test_what_has_gone_meanwhile_is_no_matter(folder, old_now, monkeypatch):
    write(folder / "1.png")
    write(folder / "2.png")
    lstat = Path.lstat

    def vanish(path):
        if path.suffix == ".png":
            path.unlink()
        return lstat(path)

    monkeypatch.setattr(Path, "lstat", vanish)
    assert list(sweep(folder, [], old_now)) == []


def app_in(parent):
    """Another app, which has made a picture."""
    program = """if True:
        import sys, time
        from pathlib import Path
        from ddim.ui.sweeping import own_folder
        with own_folder(Path(sys.argv[1])) as folder:
            (folder / "picture.png").write_text("a picture")
            print(folder, flush=True)
            sys.stdin.read()"""
    process = start_python("-c", program, str(parent), stdin=subprocess.PIPE)
    return process, Path(process.stdout.readline().strip())


def test_the_folder_of_a_killed_app_goes_after_an_hour_and_that_of_a_living_one_stays(folder, old_now, tmp_path):
    (living, folder_of_living), (killed, folder_of_killed) = app_in(tmp_path), app_in(tmp_path)
    try:
        killed.kill()
        killed.wait()
        assert list(sweep(folder, [], time.time())) == []
        assert (folder_of_killed / "picture.png").exists()
        assert list(sweep(folder, [], old_now)) == []
        assert not folder_of_killed.exists()
        assert (folder_of_living / "picture.png").exists()
    finally:
        living.communicate("", timeout=60)
        killed.communicate()
    assert not folder_of_living.exists()


def test_only_folders_of_this_app_and_this_user_are_taken_for_left_behind(folder, old_now, tmp_path, monkeypatch):
    (tmp_path / "another-app").mkdir()
    write(tmp_path / "elsewhere" / "precious.png")
    (tmp_path / f"{sweeping.PREFIX}link").symlink_to(tmp_path / "elsewhere")
    write(tmp_path / f"{sweeping.PREFIX}file")
    assert list(sweep(folder, [], old_now)) == []
    (tmp_path / f"{sweeping.PREFIX}stranger").mkdir()
    os.utime(tmp_path / f"{sweeping.PREFIX}stranger", (0, 0))
    assert sweeping._is_left_behind(tmp_path / f"{sweeping.PREFIX}stranger", os.getuid(), old_now)
    assert not sweeping._is_left_behind(tmp_path / f"{sweeping.PREFIX}stranger", os.getuid() + 1, old_now)
    assert {"another-app", "elsewhere", f"{sweeping.PREFIX}link", f"{sweeping.PREFIX}file"} <= set(os.listdir(tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_nobody_else_may_read_the_folder(folder):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_folder_goes_with_the_app(tmp_path):
    with own_folder(tmp_path / "new") as folder:
        write(folder / "0123" / "picture.png")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_sweep_that_fails_is_logged_and_not_the_last_one(folder, monkeypatch, caplog):
    swept, has_gone_on = [], threading.Event()

    def fail_first(*arguments):
        swept.append(arguments)
        if len(swept) == 1:
            raise RuntimeError("a bug")
        if len(swept) == 3:
            has_gone_on.set()
            threading.Event().wait(60)  # the thread is a daemon, and this test no place for more
        return iter([PermissionError(13, "Permission denied", "picture.png")])

    monkeypatch.setattr(sweeping, "sweep", fail_first)
    monkeypatch.setattr(sweeping, "SECONDS_BETWEEN_SWEEPS", 0)
    with caplog.at_level(logging.WARNING, "ddim"):
        sweeping.start(folder, [])
        assert has_gone_on.wait(60)
    assert "Old files could not be deleted this time." in caplog.text and "a bug" in caplog.text
    assert caplog.text.count("An old file stays: ") == 1
