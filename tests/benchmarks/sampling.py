"""How much the engine saves over a plain eager Keras loop: python -m tests.benchmarks.sampling

The loop is what the tutorial's equations are without anything around them: the same float32 network, called eagerly, 20
DDIM steps. Both take turns in one process, and medians are compared.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from keras import ops

import ddim
from ddim.diffusion.noise import noise_from_seeds
from ddim.diffusion.sampling import SampleConfig
from ddim.model.diffusion_model import DiffusionModel
from ddim.model.engine import has_native_bfloat16
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


def main() -> None:
    precisions = ["float32"] + ["bfloat16"] * has_native_bfloat16()
    models = {precision: ddim.load("flowers64", precision) for precision in precisions}
    for num_images in (1, 16):
        jobs = {"eager": lambda: eager_loop(models["float32"], num_images)}  # noqa: B023
        for precision, model in models.items():
            jobs[precision] = lambda model=model: ddim.generate(model, range(num_images))  # noqa: B023
        medians = median_seconds(jobs, ROUNDS)
        for name, median in medians.items():
            print(f"{num_images:2} pictures, {name:8}: {median:6.3f} s, {medians['eager'] / median:5.2f} x eager")

    if "bfloat16" in models:
        exact, rounded = (ddim.generate(models[precision], range(64)).astype(float) for precision in models)
        errors = np.mean((exact - rounded) ** 2, axis=(1, 2, 3))
        ratios = 10 * np.log10(255**2 / errors)
        print(f"bfloat16 against float32, 64 seeds: PSNR {ratios.mean():.1f} dB, at least {ratios.min():.1f}")


if __name__ == "__main__":
    main()
