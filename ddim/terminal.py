"""How the command line speaks: one line of progress, one line of result, one line for what is wrong."""

import argparse
import sys


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, without listing all options before it."""

    def error(self, message: str):
        self.exit(2, f"ddim: {message}\n")


def show(line: str) -> None:
    """A line of progress that the next one overwrites; nothing where no terminal shows it."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def show_last(line: str) -> None:
    show("")
    if line:
        print(line, file=sys.stderr)
