"""Files that are replaced while others read them."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

IN_USE = (5, 32)  # what Windows calls access denied, and a sharing violation
ATTEMPTS = 100
PAUSE = 0.05  # seconds


def replace_file(unfinished: Path, path: Path) -> None:
    """Rename a file that is finished to the one that it replaces: whoever opens `path` gets one or the other.

    Raises OSError as Path.replace does, but on Windows only after some seconds in which `path` was always in use.
    """
    patiently(lambda: unfinished.replace(path))


def patiently(action: Callable[[], Result]) -> Result:
    """What `action` returns: done again and again while Windows refuses it, since someone has the file open.

    Raises what it raises, which for files in use takes five seconds.
    """
    for _ in range(ATTEMPTS):
        try:
            return action()
        except PermissionError as error:
            if getattr(error, "winerror", None) not in IN_USE:  # other systems open and rename a file at once
                raise
            time.sleep(PAUSE)
    return action()
