"""Modules that were somewhere else in version 1.0: their old paths work until 1.2, with a DeprecationWarning."""

import importlib.abc
import importlib.machinery
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

KEPT_THEIR_NAMES = {
    "diffusion": "noise sampling schedule solvers",
    "evaluation": "evaluate kid",
    "making": "compare",
    "media": "animation chart gif images labelled_grid video",
    "model": "engine folding unet",
    "runs": "archives",
    "training": "examples learning validation",
}
HOMES = {f"ddim.{name}": [f"ddim.{room}.{name}"] for room, names in KEPT_THEIR_NAMES.items() for name in names.split()}
HOMES |= {
    "ddim.animate": ["ddim.making.film", "ddim.runs.film"],
    "ddim.between_seeds": ["ddim.making.plane"],
    "ddim.checkpoints": ["ddim.model.weights"],
    "ddim.embedding": ["ddim.model.layers"],
    "ddim.fused_normalization": ["ddim.model.layers"],
    "ddim.interpolate": ["ddim.making.walk"],
    "ddim.model": ["ddim.model.diffusion_model"],
    "ddim.neighbours": ["ddim.evaluation.precision_recall"],
    "ddim.number_lists": ["ddim.notation", "ddim.diffusion.noise"],
    "ddim.options": ["ddim.configuration"],
    "ddim.recipes": ["ddim.media.embedded"],
    "ddim.run_report": ["ddim.training.report"],
    "ddim.runs": ["ddim.runs.folder", "ddim.runs.process"],
    "ddim.train": ["ddim.training.config", "ddim.training.train"],
    "ddim.training_state": ["ddim.training.checkpoints"],
}
HOMES["ddim.kid"] += ["ddim.evaluation.encoder"]
HOMES["ddim.sampling"] += ["ddim.making.generate"]


def keep_old_names() -> None:
    """From now on in this process, old modules can be imported. They hold what their new homes hold."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())  # asked last: what is there by that name comes first


def old_names(module: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module: a name out of the first of its new homes that has it."""

    def find(name: str) -> Any:
        if not name.startswith("__"):
            for home in map(import_module, HOMES[module]):
                if hasattr(home, name):
                    text = f"{module}.{name} is now {home.__name__}.{name}; the old path ends with version 1.2."
                    warnings.warn(text, DeprecationWarning, stacklevel=2)
                    return getattr(home, name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return find


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name in HOMES else None

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__getattr__"] = old_names(module.__name__)
