import importlib.util
import json

import numpy as np
import pytest
from tiny_runs import epochs_of, last_checkpoint, make_pictures, run_python
from tiny_runs import tiny_config as config_of

import ddim
from ddim.model.diffusion_model import DiffusionModel, ModelConfig
from ddim.model.unet import build_unet
from ddim.model.weights import read, save
from ddim.training.devices import devices
from ddim.training.train import train

pytestmark = pytest.mark.slow

# Two devices of one processor: what TensorFlow and JAX offer to prove that sharing a batch changes nothing.
TRAIN_ON_ONE_AND_TWO = """
import json, sys
from pathlib import Path

folder, distribute, dataset, options = Path(sys.argv[1]), sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
distillation = options.pop("distillation", None)
if distribute == "mirrored":
    import tensorflow as tf
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)

from ddim.training.distill_config import DistillConfig
from ddim.training.train import train
from tiny_runs import tiny_config

distillation = distillation and DistillConfig(**distillation)
train(tiny_config(dataset, **options), folder / "one", distillation=distillation)
train(tiny_config(dataset, **options, distribute=distribute), folder / "two", distillation=distillation)

import ddim
import numpy as np

np.save(folder / "pictures.npy", ddim.generate(ddim.load(folder / "two", "float32"), range(5), num_steps=4))
"""


def train_on_one_and_two(folder, distribute, environment, **options):
    dataset = make_pictures(folder / "pictures")
    run_python("-c", TRAIN_ON_ONE_AND_TWO, str(folder), distribute, dataset, json.dumps(options), **environment)
    return folder / "one", folder / "two"


def assert_same_learning(one, two):
    for line, expected in zip(epochs_of(two), epochs_of(one), strict=True):
        for name in ("loss", "image_loss", "val_loss", "val_image_loss"):
            assert line[name] == pytest.approx(expected[name], rel=1e-5), name
    # The batch statistics are among these: each device's own would be off by a hundredth and more.
    arrays, expected = last_checkpoint(two), last_checkpoint(one)
    for name in expected:
        if not name.startswith("optimizer/"):
            np.testing.assert_allclose(arrays[name], expected[name], rtol=1e-3, atol=2e-4, err_msg=name)


def test_mirrored_devices_learn_what_one_device_learns(tmp_path):
    assert_same_learning(*train_on_one_and_two(tmp_path, "mirrored", {"KERAS_BACKEND": "tensorflow"}, clip_norm=0.05))


def test_mirrored_devices_distil_what_one_device_distils(tmp_path, tiny_config, tiny_normalizer):
    teacher = tmp_path / "teacher"
    save(DiffusionModel(ModelConfig(tiny_config), build_unet(tiny_config), tiny_normalizer), teacher)
    card, _ = read(teacher)
    distillation = {"teacher": str(teacher), "teacher_sha256": card["sha256"]}
    options = {"loss": "pseudo_huber", "loss_on": "velocity", "distillation": distillation}
    assert_same_learning(*train_on_one_and_two(tmp_path, "mirrored", {"KERAS_BACKEND": "tensorflow"}, **options))


def test_a_batch_that_devices_cannot_share_evenly_is_refused(tmp_path, monkeypatch):
    import tensorflow as tf

    two_devices = [device for device in tf.config.list_logical_devices("CPU") for _ in range(2)]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: two_devices if kind == "CPU" else [])
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", OfTwo)
    with pytest.raises(ValueError, match="batch_size must be a multiple of the 2 devices that share it, but is 7."):
        devices("mirrored", 7)
    assert devices("mirrored", 8) == OfTwo.scope


class OfTwo:
    """Stands in for a strategy of as many devices as it is given."""

    def __init__(self, names):
        self.num_replicas_in_sync = len(names)

    @staticmethod
    def scope():
        raise NotImplementedError


needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs JAX: pip install jax")
# Without optimization, which such a small network is not worth: it would take twice as long to compile.
XLA_FLAGS = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
JAX = {"KERAS_BACKEND": "jax", "XLA_FLAGS": XLA_FLAGS}


@needs_jax
def test_devices_of_jax_learn_what_one_device_learns_and_what_tensorflow_learns(tmp_path, tiny_config, tiny_normalizer):
    save(DiffusionModel(ModelConfig(tiny_config), build_unet(tiny_config), tiny_normalizer), tmp_path / "initial")
    options = {"init_weights": str(tmp_path / "initial"), "clip_norm": 0.05}
    one, two = train_on_one_and_two(tmp_path, "data_parallel", JAX, **options)
    assert_same_learning(one, two)

    tensorflow = tmp_path / "tensorflow"
    train(config_of(f"folder:{tmp_path / 'pictures'}", **options), tensorflow)
    for line, expected in zip(epochs_of(two), epochs_of(tensorflow), strict=True):
        assert line["loss"] == pytest.approx(expected["loss"], rel=1e-3)
        assert line["val_loss"] == pytest.approx(expected["val_loss"], rel=1e-3)

    # The weights that JAX learned make the same pictures under both backends.
    pictures = np.load(tmp_path / "pictures.npy").astype(int)
    expected = ddim.generate(ddim.load(two, precision="float32"), range(5), num_steps=4)
    assert np.abs(pictures - expected).max() <= 1
    assert pictures.std() > 10
