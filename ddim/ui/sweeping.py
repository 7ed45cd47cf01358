"""Files that the page makes or receives are in a folder of its own, and are deleted after an hour.

The folder goes with the app, or, if the app was killed, with the next one that starts on this machine.
"""

import logging
import math
import os
import stat
import tempfile
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "ddim-playground-"
LOCK = "lock"  # in each folder, held by its app
SECONDS_KEPT = 3600
SECONDS_BETWEEN_SWEEPS = 600

logger = logging.getLogger("ddim")


@contextmanager
def own_folder(parent: Path) -> Iterator[Path]:
    """A new folder that only this user may read, in `parent`, which others may share; in the end it is deleted."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)).resolve()
    lock = _lock_of(folder)
    try:
        lock.acquire()
    except OSError:
        logger.warning("%s has no locks: after a kill, the files of this app stay there.", parent)
    try:
        yield folder
    finally:
        lock.release()
        for _ in _delete_folder(folder):  # what a visitor's work still writes is left to the next app
            pass


def start(folder: Path, kept: Collection[Path]) -> None:
    """Sweep now and every ten minutes, until the process ends. `kept` are files that the page shows to everybody."""
    threading.Thread(target=_sweep_for_ever, args=[folder, kept], daemon=True).start()


def _sweep_for_ever(folder: Path, kept: Collection[Path]) -> None:
    reported: set[str] = set()
    while True:
        try:
            _report(sweep(folder, kept, time.time()), reported)
        except Exception:  # a sweep that fails must not be the last one
            logger.exception("Old files could not be deleted this time.")
        time.sleep(SECONDS_BETWEEN_SWEEPS)


def sweep(folder: Path, kept: Collection[Path], now: float) -> Iterator[OSError]:
    """Delete files that are an hour old at the Unix time `now`, and folders beside this one whose app was killed.

    Yields what the system refuses, and goes on.
    """
    for path in (folder / LOCK, *kept):
        try:
            os.utime(path, (now, now))  # of today for all who sweep, also for those who sweep the system's own folder
        except OSError as error:
            yield error
    yield from _delete_old(folder, now - SECONDS_KEPT)
    for other in set(folder.parent.glob(f"{PREFIX}*")) - {folder}:
        try:
            if _is_left_behind(other, folder.stat().st_uid, now - SECONDS_KEPT):
                yield from _delete_folder(other)
        except FileNotFoundError:  # another app was quicker
            continue
        except OSError as error:
            yield error


def _is_left_behind(folder: Path, user: int, before: float) -> bool:
    """Whether this is a folder of this user, without an app, and unchanged since: one that starts has no lock yet."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != user or status.st_mtime >= before:
        return False
    try:
        with _lock_of(folder):
            return True
    except Timeout:
        return False


def _lock_of(folder: Path) -> FileLock:
    return FileLock(folder / LOCK, timeout=0, fallback_to_soft=False)


def _delete_folder(folder: Path) -> Iterator[OSError]:
    try:
        yield from _delete_old(folder, math.inf)
        folder.rmdir()
    except FileNotFoundError:
        return
    except OSError as error:
        yield error


def _delete_old(folder: Path, before: float) -> Iterator[OSError]:
    """Delete what was last written before a Unix time, and folders that have been empty since. Follows no links."""
    for path in list(folder.iterdir()):
        try:
            status = path.lstat()
            is_old = max(status.st_mtime, status.st_ctime) < before
            if not stat.S_ISDIR(status.st_mode):
                if is_old:
                    path.unlink()
                continue
            yield from _delete_old(path, before)
            if is_old and not any(path.iterdir()):
                path.rmdir()
        except FileNotFoundError:  # somebody else was quicker
            continue
        except OSError as error:
            yield error


def _report(errors: Iterator[OSError], reported: set[str]) -> None:
    """Log each file that cannot be deleted, once."""
    for error in errors:
        if error.filename not in reported:
            reported.add(error.filename)
            logger.warning("An old file stays: %s", error)
