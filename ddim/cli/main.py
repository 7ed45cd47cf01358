"""The command line: python -m ddim COMMAND, which is one of sample, compare, interpolate, animate, train, distill,
average, import, evaluate and info.

`python -m ddim COMMAND --help` says what each option does.
"""

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence

from ddim.cli.distill import add_distill
from ddim.cli.pictures import add_animate, add_compare, add_interpolate, add_sample
from ddim.cli.terminal import OneLineParser, show_bug, show_last
from ddim.cli.train import add_average, add_evaluate, add_import, add_info, add_train
from ddim.errors import UserError
from ddim.model.backend import check_backend
from ddim.quiet import start_quietly


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; for a wrong value it is 2, and one line says what would be right."""
    start_quietly()
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    try:
        check_backend()
        return command(**options)
    except (UserError, OSError) as error:
        show_last(f"ddim: {error}")
        return 2
    except FloatingPointError as error:  # training diverged
        show_last(f"ddim: {error}")
        return 1
    except KeyboardInterrupt:
        show_last("")
        return 128 + signal.SIGINT
    except Exception:
        show_bug(shlex.join(sys.argv[1:] if arguments is None else arguments))
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(prog="python -m ddim", description="Make pictures out of noise, and train networks that do.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    pictures = (add_sample, add_compare, add_interpolate, add_animate)
    for add in (*pictures, add_train, add_distill, add_average, add_import, add_evaluate, add_info):
        add(commands)
    return parser
