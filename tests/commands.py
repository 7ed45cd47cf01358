"""Commands run inside of a test's process, and what all of them promise."""

import re

import pytest

from ddim.cli.main import main


def run(capfd, *arguments) -> tuple[int, list[str]]:
    """Exit code and the lines on standard error."""
    capfd.readouterr()  # what was said before
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as exit:
        code = exit.code
    return code, capfd.readouterr().err.splitlines()


def assert_refused(capfd, *arguments, because: str) -> None:
    """A wrong value ends with one line that says what would be right, and exit code 2."""
    code, lines = run(capfd, *arguments)
    assert (code, len(lines)) == (2, 1), lines
    assert lines[0].startswith("ddim: ") and because in lines[0]


def listed_options(capsys, command: str) -> set[str]:
    """The options in the help of a command, without dashes."""
    with pytest.raises(SystemExit) as exit:
        main([command, "--help"])
    assert exit.value.code == 0
    return set(re.findall(r"^  --([\w-]+)", capsys.readouterr().out, re.MULTILINE))
