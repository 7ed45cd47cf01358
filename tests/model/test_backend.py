import importlib.util
import json

import keras
import numpy as np
import pytest
from commands import assert_refused
from tiny_runs import epochs_of, make_pictures, run_python
from tiny_runs import tiny_config as config_of

import ddim
import ddim.model.backend
from ddim.model.backend import check_backend, has_native_bfloat16, prefers_bfloat16
from ddim.model.diffusion_model import DiffusionModel, ModelConfig
from ddim.model.unet import build_unet
from ddim.model.weights import save
from ddim.training.train import train


@pytest.fixture(params=["jax", "torch"])
def on_another_backend(request) -> dict[str, str]:
    """The environment of a process that runs on it, on the processor."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"needs the package {request.param}")
    # Without optimization, which such small networks are not worth: they would take longer to compile.
    flags = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_backend_optimization_level=0", "CUDA_VISIBLE_DEVICES": ""}
    return {"KERAS_BACKEND": request.param, **flags}


GUIDED = {"num_steps": 4, "solver": "unipc", "class_name": "tulip", "guidance": 2.0}
SAMPLE = """
import json, sys
import numpy as np
import ddim
from ddim.model.diffusion_model import DiffusionModel
from ddim.model.keras_engine import keras_engine

def run_by_keras(name):
    model = ddim.load(name)
    return DiffusionModel(model.config, model.network, model.normalizer, model.card, model.classes)

folder, guided = sys.argv[1], json.loads(sys.argv[2])
model = run_by_keras("flowers64")
flowers = ddim.generate(model, [3, 8], num_steps=5)
species = ddim.generate(run_by_keras(f"{folder}/species"), range(5), **guided)
np.savez(f"{folder}/pictures.npz", flowers=flowers, species=species)
print(keras_engine(model.config.network, model.network).precision)
"""


@pytest.mark.slow
def test_other_backends_make_the_same_pictures(tmp_path, species_model, on_another_backend):
    save(species_model, tmp_path / "species")
    precision = run_python("-c", SAMPLE, str(tmp_path), json.dumps(GUIDED), **on_another_backend)
    assert precision.strip() == "float32"  # the quicker there, as "auto" knows
    flowers = ddim.generate(ddim.load("flowers64", "float32"), [3, 8], num_steps=5)
    species = ddim.generate(ddim.load(tmp_path / "species", "float32"), range(5), **GUIDED)
    with np.load(tmp_path / "pictures.npz") as pictures:
        for name, expected in (("flowers", flowers), ("species", species)):
            assert np.abs(pictures[name].astype(int) - expected).max() <= 1
            assert expected.std() > 10


TRAIN = """
import sys
from pathlib import Path
from ddim.training.train import train
from tiny_runs import tiny_config

folder = Path(sys.argv[1])
options = {"init_weights": str(folder / "initial"), "precision": "auto", "clip_norm": 0.05}
train(tiny_config(f"folder:{folder / 'pictures'}", **options), folder / "elsewhere")
"""


@pytest.mark.slow
def test_other_backends_learn_the_same(tmp_path, tiny_config, tiny_normalizer, on_another_backend):
    keras.utils.set_random_seed(1)
    save(DiffusionModel(ModelConfig(tiny_config), build_unet(tiny_config), tiny_normalizer), tmp_path / "initial")
    dataset = make_pictures(tmp_path / "pictures")
    run_python("-c", TRAIN, str(tmp_path), **on_another_backend)
    options = {"init_weights": str(tmp_path / "initial"), "precision": "float32", "clip_norm": 0.05}
    train(config_of(dataset, **options), tmp_path / "here")
    for line, expected in zip(epochs_of(tmp_path / "elsewhere"), epochs_of(tmp_path / "here"), strict=True):
        for name in ("loss", "image_loss", "val_loss", "val_image_loss"):
            assert line[name] == pytest.approx(expected[name], rel=1e-3), name
    assert expected["val_loss"] < epochs_of(tmp_path / "here")[0]["val_loss"]


def test_a_backend_that_keras_lacks_is_refused_in_one_line(capfd, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    assert_refused(capfd, "info", "flowers64", because="must be one of tensorflow, jax, torch, but KERAS_BACKEND is")


@pytest.mark.parametrize("name, others", [("jax", "tensorflow or torch"), ("torch", "tensorflow or jax")])
def test_a_backend_that_is_not_installed_is_refused_in_one_line(capfd, monkeypatch, name, others):
    monkeypatch.setenv("KERAS_BACKEND", name)
    monkeypatch.setattr(ddim.model.backend, "find_spec", lambda name: None)
    because = f"The Keras backend {name} is not installed: install it, or set KERAS_BACKEND to {others}."
    assert_refused(capfd, "info", "flowers64", because=because)
    with pytest.raises(ValueError, match=because):
        ddim.load("flowers64")


def test_without_the_variable_the_backend_is_that_of_the_file_of_keras(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    check_backend()
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "theano"}))
    with pytest.raises(ValueError, match="'theano'"):
        check_backend()
    (tmp_path / "keras.json").write_text("{")
    check_backend()


@pytest.mark.parametrize("backend, preferred", [("tensorflow", True), ("jax", False), ("torch", False)])
def test_bfloat16_is_preferred_under_tensorflow_alone(monkeypatch, backend, preferred):
    monkeypatch.setattr(ddim.model.backend, "has_native_bfloat16", lambda: True)
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    assert prefers_bfloat16() is preferred


@pytest.mark.parametrize(
    "flags, native",
    [
        ("fpu sse2 avx512_bf16 amx_tile", True),
        ("fpu amx_bf16", True),
        ("fpu sse2 avx2 avx512f", False),
        ("fpu avx512_bf16x", False),
    ],
)
def test_bfloat16_is_native_where_the_processor_lists_it(tmp_path, monkeypatch, flags, native):
    described = tmp_path / "cpuinfo"
    described.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t: avx512_bf16\n")
    monkeypatch.setattr(ddim.model.backend, "Path", lambda path: described)
    assert has_native_bfloat16() is native


def test_bfloat16_is_not_native_where_nobody_describes_the_processor(tmp_path, monkeypatch):
    monkeypatch.setattr(ddim.model.backend, "Path", lambda path: tmp_path / "absent")
    assert has_native_bfloat16() is False
