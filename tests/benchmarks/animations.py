"""What animations cost and how true a GIF is: python -m tests.benchmarks.animations

The frames are those of the shipped weights. PSNR is in dB against the frames, seconds are of writing the file.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from decoding import decode, psnr

import ddim
from ddim.making.film import PRESETS, animate
from ddim.making.recipe import Recipe, Weights
from ddim.making.walk import WalkConfig, interpolate, playback
from ddim.media.animation import ExportConfig, save_animation
from ddim.media.images import grid, to_uint8
from ddim.model.diffusion_model import DiffusionModel

NUM_IMAGES = (1, 3, 6, 12)
NUM_FRAMES = 48


@contextmanager
def timed(times: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    times[name] = time.perf_counter() - start


def show_films(model: DiffusionModel, folder: Path) -> None:
    """PSNR of GIFs as they are watched, and sizes and seconds of all formats, four times enlarged."""
    for name, config in PRESETS.items():
        steps = list(animate(model, range(max(NUM_IMAGES)), config))
        rows = [to_uint8(np.stack([getattr(step, part) for step in steps])) for part in ("noisy_images", "pred_images")]
        for num_images in NUM_IMAGES:
            pairs = zip(*(row[:, :num_images] for row in rows), strict=True)
            frames = np.stack([grid(np.concatenate(pair), columns=num_images) for pair in pairs])
            half = frames.shape[1] // 2
            save_animation(folder / "film.gif", frames, ExportConfig(factor=1), {})
            decoded = decode(folder / "film.gif", *frames.shape[1:3])
            save_animation(folder / "still.gif", frames[-1:, half:], ExportConfig(factor=1), {})
            (still,) = decode(folder / "still.gif", half, frames.shape[2])
            print(
                f"{name}, {num_images} pictures: finished alone {psnr(still, frames[-1, half:]):.1f}, "
                f"finished at the end {psnr(decoded[-1, half:], frames[-1, half:]):.1f}, "
                f"predicted all along {psnr(decoded[:, half:], frames[:, half:]):.1f}, "
                f"noisy all along {psnr(decoded[:, :half], frames[:, :half]):.1f}, "
                f"worst frame {min(map(psnr, decoded, frames)):.1f}",
                flush=True,
            )
            show_files(frames, ExportConfig(), folder)


def show_files(frames: np.ndarray, export: ExportConfig, folder: Path) -> None:
    times: dict[str, float] = {}
    sizes = {}
    for suffix in (".gif", ".webp", ".mp4", ".zip"):
        with timed(times, suffix):
            save_animation(folder / f"film{suffix}", frames, export, {})
        sizes[suffix] = (folder / f"film{suffix}").stat().st_size / 1e6
    print("   ", ", ".join(f"{suffix} {sizes[suffix]:.2f} MB in {times[suffix]:.2f} s" for suffix in sizes), flush=True)


def show_walk(model: DiffusionModel, folder: Path) -> None:
    """The whole of a walk, noise to file, beside the time of the network alone."""
    walk = WalkConfig(frames=NUM_FRAMES)
    config, export = model.sample_config(), playback(walk)
    recipe = Recipe("interpolate", Weights.of(model), config, [3, 8], walk=walk).to_json()
    noises = np.random.default_rng(0).standard_normal((NUM_FRAMES, *model.image_shape), np.float32)
    for _ in range(4):
        times: dict[str, float] = {}
        with timed(times, "network"):
            for variance in np.linspace(1, 0.1, 20, dtype=np.float32):
                model.engine(noises, np.full(NUM_FRAMES, variance))
        with timed(times, "pictures"):
            *_, last = interpolate(model, [3, 8], walk, config)
        for suffix in (".webp", ".gif", ".mp4"):
            with timed(times, suffix):
                save_animation(folder / f"walk{suffix}", to_uint8(last.pred_images), export, recipe)
        ratios = {
            suffix: (times["pictures"] + times[suffix]) / times["network"] for suffix in (".webp", ".gif", ".mp4")
        }
        print(
            f"{NUM_FRAMES} frames, 20 steps: network {times['network']:.2f} s, pictures {times['pictures']:.2f} s; "
            + ", ".join(f"to {suffix} {ratio:.2f} x the network's" for suffix, ratio in ratios.items()),
            flush=True,
        )
    show_files(to_uint8(last.pred_images), export, folder)


def main() -> None:
    model = ddim.load("flowers64")
    print(f"precision {model.engine.precision}")
    with tempfile.TemporaryDirectory() as folder:
        show_walk(model, Path(folder))
        show_films(model, Path(folder))


if __name__ == "__main__":
    main()
