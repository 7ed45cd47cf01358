"""How much the engine saves over a plain eager Keras loop: python -m tests.benchmarks.sampling

The loop is what the tutorial's equations are without anything around them: the same float32 network, called eagerly, 20
DDIM steps. Both take turns in one process, and medians are compared; so is the network of `--preset species`, whose
speed does not depend on what it has learned.
"""

import os
from dataclasses import replace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from keras import ops

import ddim
from ddim.configuration import from_options
from ddim.diffusion.noise import noise_from_seeds
from ddim.diffusion.sampling import SampleConfig
from ddim.model.backend import prefers_bfloat16
from ddim.model.diffusion_model import DiffusionModel, Normalizer
from ddim.model.fastest_engine import fastest_engine
from ddim.model.unet import build_unet
from ddim.training.config import PRESETS, TrainConfig
from tests.benchmarks.turns import median_seconds

ROUNDS = 5
NUM_STEPS = 20


def eager_loop(model: DiffusionModel, num_images: int) -> np.ndarray:
    schedule = SampleConfig().schedule()
    noisy_images = ops.convert_to_tensor(noise_from_seeds(range(num_images), model.image_shape))
    for step in range(NUM_STEPS):
        rates = schedule(1 - step / NUM_STEPS)
        after = schedule(1 - (step + 1) / NUM_STEPS)
        noise_variances = ops.full((num_images,), rates.noise**2, "float32")
        pred_noises = model.network([noisy_images, noise_variances], training=False)
        pred_images = (noisy_images - float(rates.noise) * pred_noises) / float(rates.signal)
        noisy_images = float(after.signal) * pred_images + float(after.noise) * pred_noises
    return ops.convert_to_numpy(pred_images)


def species_model() -> DiffusionModel:
    """The network of the preset, with weights as they begin."""
    config = from_options(TrainConfig, PRESETS["species"]).model
    classes = {f"species {number}": 20 for number in range(90)}
    config = replace(config, network=replace(config.network, num_classes=len(classes)))
    normalizer = Normalizer(np.full(3, 0.5, np.float32), np.full(3, 0.1, np.float32))
    network = build_unet(config.network)
    engine = fastest_engine(config.network, lambda: network, "auto", sha256="")
    return DiffusionModel(config, network, normalizer, classes=classes, engine=engine)


def main() -> None:
    precisions = ["float32"] + ["bfloat16"] * prefers_bfloat16()
    models = {precision: ddim.load("flowers64", precision) for precision in precisions}
    species = species_model()
    for num_images in (1, 16):
        jobs = {"eager": lambda: eager_loop(models["float32"], num_images)}  # noqa: B023
        for precision, model in models.items():
            jobs[precision] = lambda model=model: ddim.generate(model, range(num_images))  # noqa: B023
        jobs["species"] = lambda: ddim.generate(species, range(num_images))  # noqa: B023
        medians = median_seconds(jobs, ROUNDS)
        fastest = min(medians[precision] for precision in precisions)
        for name, median in medians.items():
            ratios = f"{medians['eager'] / median:5.2f} x eager, {fastest / median:4.2f} x the tutorial's network"
            print(f"{num_images:2} pictures, {name:8}: {median:6.3f} s, {ratios}")

    if "bfloat16" in models:
        exact, rounded = (ddim.generate(models[precision], range(64)).astype(float) for precision in models)
        errors = np.mean((exact - rounded) ** 2, axis=(1, 2, 3))
        ratios = 10 * np.log10(255**2 / errors)
        print(f"bfloat16 against float32, 64 seeds: PSNR {ratios.mean():.1f} dB, at least {ratios.min():.1f}")


if __name__ == "__main__":
    main()
