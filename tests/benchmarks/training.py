"""How fast training is beside a plain Keras step and PyTorch: python -m tests.benchmarks.training

The plain step is the tutorial's `train_step` without anything around it: the same network in float32, noise drawn in
the graph, a GradientTape, AdamW and the average of the weights, compiled by `tf.function` as `fit` would. PyTorch does
the same in bfloat16 (autocast, channels last), where tests/benchmarks/requirements.txt is installed. Ours is what
`python -m ddim train` runs between two epochs, with the tutorial's network and with that of `--preset species`. All
take turns on pictures of noise, and medians are compared.
"""

import os
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from ddim.configuration import from_options
from ddim.data import Dataset, Pictures
from ddim.model.diffusion_model import ModelConfig
from ddim.model.unet import build_unet
from ddim.training.config import PRESETS, TrainConfig
from ddim.training.devices import network_precision
from ddim.training.report import Report
from ddim.training.trainer import Trainer
from tests.benchmarks.turns import median_seconds

ROUNDS = 3
STEPS = 12
BATCH_SIZE = 64
EMA_MOMENTUM = 0.999


def plain_step() -> Callable[[tf.Tensor], None]:
    config = ModelConfig()
    network, average = build_unet(config.network), build_unet(config.network)
    optimizer = keras.optimizers.AdamW(1e-3, weight_decay=1e-4)
    optimizer.build(network.trainable_variables)
    start, end = np.arccos(config.max_signal_rate), np.arccos(config.min_signal_rate)

    @tf.function
    def step(images: tf.Tensor) -> None:
        noises = tf.random.normal(images.shape)
        angles = start + (end - start) * tf.random.uniform((len(images), 1, 1, 1))
        noisy_images = tf.cos(angles) * images + tf.sin(angles) * noises
        with tf.GradientTape() as tape:
            pred_noises = network([noisy_images, tf.sin(angles[:, 0, 0, 0]) ** 2], training=True)
            loss = tf.reduce_mean(tf.abs(noises - pred_noises))
        gradients = tape.gradient(loss, network.trainable_weights)
        optimizer.apply_gradients(zip(gradients, network.trainable_weights, strict=True))
        for averaged, weight in zip(average.weights, network.weights, strict=True):
            averaged.assign(EMA_MOMENTUM * averaged + (1 - EMA_MOMENTUM) * weight)

    return step


def torch_epoch(images: np.ndarray) -> Callable[[], None]:
    from tests.benchmarks.torch_unet import training_step

    step = training_step(ModelConfig(), images, EMA_MOMENTUM)

    def epoch() -> None:
        for _ in range(STEPS):
            step()

    return epoch


def our_training(run: Path, images: np.ndarray, preset: str) -> Callable[[], None]:
    """An epoch of a run, which has just STEPS steps."""
    options = {"repetitions": 1, "batch_size": BATCH_SIZE, "horizontal_flips": True, "kid_images": 0}
    config = from_options(TrainConfig, PRESETS[preset] | options)
    pictures = Pictures(images, np.array([f"species {index % 10}" for index in range(len(images))]))
    report = Report(run, config.epochs, BATCH_SIZE, lambda line: None, tensorboard=False)
    trainer = Trainer(config, run, report, Dataset(pictures, pictures, ""))

    def epoch() -> None:
        trainer.learn()
        trainer.progress.epoch_began = trainer.progress.step

    return epoch


def main() -> None:
    images = np.random.default_rng(0).integers(0, 256, (STEPS * BATCH_SIZE, 64, 64, 3), np.uint8)
    step = plain_step()
    batch = tf.constant(images[:BATCH_SIZE] / np.float32(127.5) - 1)

    with tempfile.TemporaryDirectory() as folder:

        def plain() -> None:
            for _ in range(STEPS):
                step(batch)

        jobs = {"plain float32": plain}
        if find_spec("torch"):
            jobs["PyTorch, bfloat16"] = torch_epoch(images[:BATCH_SIZE])
        for preset in ("tutorial", "species"):
            run = Path(folder) / preset
            run.mkdir()
            jobs[f"{preset}, {network_precision('auto')}"] = our_training(run, images, preset)
        medians = median_seconds(jobs, ROUNDS)

    for name, median in medians.items():
        ratios = ", ".join(f"{seconds / median:4.2f} x {beside}" for beside, seconds in medians.items())
        print(f"{name:20}: {STEPS * BATCH_SIZE / median:5.1f} pictures a second, {ratios}")


if __name__ == "__main__":
    main()
