"""How the command line speaks: one line of progress, one line of result, one line for what is wrong."""

import argparse
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from ddim.errors import BUG

PICTURES = (".png", ".jpg", ".jpeg", ".webp")


class OneLineParser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, without listing all options first."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2 after this one line."""
        self.exit(2, f"ddim: {message}\n")


def output_file(*suffixes: str) -> Callable[[str], Path]:
    """A type for argparse: the path of a file that can be written, in a folder that is made if need be.

    So it is known before the work begins, and not after it.
    """

    def parse(text: str) -> Path:
        path = Path(text).expanduser()
        if suffixes and path.suffix.lower() not in suffixes:
            raise argparse.ArgumentTypeError(f"must end in {', '.join(suffixes)}, but is {text}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise argparse.ArgumentTypeError(f"cannot be written: {error}") from error
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            raise argparse.ArgumentTypeError(f"cannot be written: {text} is a folder, or may not be changed")
        return path

    return parse


def show(line: str) -> None:
    """A line of progress that the next one overwrites; nothing if there is no terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def show_last(line: str) -> None:
    """A line that stays, in place of the line of progress."""
    show("")
    if line:
        print(line, file=sys.stderr)


def show_bug(command: str) -> None:
    """Report the exception that is being handled: that it is a bug, and which file has its traceback."""
    with tempfile.NamedTemporaryFile("w", prefix="ddim-", suffix=".log", delete=False) as log:
        log.write(f"python -m ddim {command}\n\n{traceback.format_exc()}")
    show_last(f"ddim: {BUG}: {log.name} says what happened.")
