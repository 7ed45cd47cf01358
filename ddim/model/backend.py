"""What Keras computes with: TensorFlow, JAX or PyTorch, as KERAS_BACKEND says."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

from ddim.errors import UserError

BACKENDS = ("tensorflow", "jax", "torch")
NATIVE_BFLOAT16_FLAGS = {"amx_bf16", "avx512_bf16"}


def check_backend() -> None:
    """Raise UserError unless Keras is told to run on one of the backends, and it is installed. Imports none of them."""
    name = _chosen()
    if name not in BACKENDS:
        raise UserError(f"The Keras backend must be one of {', '.join(BACKENDS)}, but KERAS_BACKEND is {name!r}.")
    if find_spec(name) is None:
        others = " or ".join(other for other in BACKENDS if other != name)
        raise UserError(f"The Keras backend {name} is not installed: install it, or set KERAS_BACKEND to {others}.")


def _chosen() -> str:
    """The backend by name: without a variable, Keras looks into a file of its own."""
    if name := os.environ.get("KERAS_BACKEND"):
        return name
    try:
        settings = json.loads((Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "keras.json").read_text())
        return str(settings["backend"])
    except (OSError, ValueError, LookupError, TypeError):
        return "tensorflow"


def has_gpu() -> bool:
    """Whether the backend has found a GPU."""
    import keras

    if keras.backend.backend() == "torch":  # whose devices Keras does not list
        import torch

        return bool(torch.cuda.is_available())
    return any(device.startswith("gpu") for device in keras.distribution.list_devices())


def prefers_bfloat16() -> bool:
    """Whether bfloat16 is the quicker precision here: under TensorFlow, where the processor computes with it itself.

    JAX takes longer by it, and half a minute to compile; PyTorch has no clear gain.
    """
    import keras

    return keras.backend.backend() == "tensorflow" and has_native_bfloat16()


def has_native_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 numbers itself, as far as the operating system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return False
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return not NATIVE_BFLOAT16_FLAGS.isdisjoint(flags)
