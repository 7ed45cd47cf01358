"""Denoising diffusion implicit models: a few names to load weights and make pictures; the rest is in the modules.

The names are resolved on first use, so that importing one module brings in only what that module needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ddim import moved

if TYPE_CHECKING:
    from ddim.making.generate import generate, sample
    from ddim.making.plane import sample_at, sample_plane
    from ddim.model.weights import available, load

__version__ = "1.1.0"
__all__ = ["available", "generate", "load", "sample", "sample_at", "sample_plane"]

_HOMES = {
    "available": "ddim.model.weights",
    "generate": "ddim.making.generate",
    "load": "ddim.model.weights",
    "sample": "ddim.making.generate",
    "sample_at": "ddim.making.plane",
    "sample_plane": "ddim.making.plane",
}

moved.keep_old_names()


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
