"""TensorFlow without its greetings: what it says when it starts, errors excepted, is nothing that users can act on."""

import importlib.abc
import importlib.machinery
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

# Lines of its own log that are no errors, and those without a severity. Before TensorFlow has set up its log, it obeys
# no variable of the environment.
GREETINGS = re.compile(r"WARNING: All log messages before absl|[IW]\d{4} |To enable the following instructions")
NO_GPU = re.compile(r"E\d{4} .*failed call to cuInit")


def start_quietly() -> None:
    """From now on in this process, TensorFlow tells nothing but errors, as soon as somebody imports it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    for name in ("tensorflow", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)  # about functions that are compiled once more, among others
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _QuietImport())


class _QuietImport(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds TensorFlow as usual, but has it loaded without a word."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "tensorflow":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            self.loader, spec.loader = spec.loader, self
        return spec

    def exec_module(self, module: ModuleType) -> None:
        with _without_greetings():
            self.loader.exec_module(module)
            module.config.list_physical_devices()  # looks for GPUs, and says so where there are none


@contextmanager
def _without_greetings() -> Iterator[None]:
    """Hold back what anyone writes to standard error meanwhile, and then write it but for greetings."""
    sys.stderr.flush()
    terminal = os.dup(2)
    try:
        with tempfile.TemporaryFile("w+b") as held:
            os.dup2(held.fileno(), 2)
            try:
                yield
            finally:
                sys.stderr.flush()
                os.dup2(terminal, 2)
                held.seek(0)
                for line in held.read().decode(errors="replace").splitlines(keepends=True):
                    if not GREETINGS.match(line) and (Path("/dev/nvidiactl").exists() or not NO_GPU.match(line)):
                        os.write(2, line.encode())
    finally:
        os.close(terminal)
