"""From press to playing film in a real browser, beside the network alone: python -m tests.benchmarks.walk_in_page

The walk is that of the tab Interpolate as it opens, with the shipped weights: 48 frames between two seeds, 20 steps.
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRADIO_TEMP_DIR", tempfile.mkdtemp())
sys.path.append(str(Path(__file__).parents[2]))

import numpy as np
from playwright.sync_api import Page, sync_playwright

import app
from ddim.diffusion.sampling import SampleConfig
from ddim.making.walk import WalkConfig
from ddim.model.diffusion_model import DiffusionModel
from ddim.ui.models import load_model, warm_up
from ddim.ui.serving import launch

ROUNDS = 3
NUM_FRAMES, NUM_STEPS = WalkConfig().frames, SampleConfig().num_steps

# The second frame tells that the film plays, once the one before is gone.
WATCH = """() => {
    const began = performance.now(), tab = document.querySelector(".interpolate");
    window.seconds = null;
    const watch = (event) => {
        if (event.detail.index !== 1) return;
        window.seconds = (performance.now() - began) / 1000;
        tab.removeEventListener("film-frame", watch);
    };
    const wait = () => {
        if (tab.querySelector(".no-film").hidden) requestAnimationFrame(wait);
        else tab.addEventListener("film-frame", watch);
    };
    tab.querySelector(".run-button").click();
    wait();
}"""


class TimedEngine:
    """Adds up the seconds that a model's engine takes."""

    def __init__(self, model: DiffusionModel):
        self.seconds, self.precision = 0.0, model.engine.precision
        self._engine, model.engine = model.engine, self

    def __call__(self, noisy_images: np.ndarray, noise_variances: np.ndarray) -> np.ndarray:
        start = time.perf_counter()
        outputs = self._engine(noisy_images, noise_variances)
        self.seconds += time.perf_counter() - start
        return outputs


def seconds_of_network(model: DiffusionModel) -> float:
    noises = np.random.default_rng(0).standard_normal((NUM_FRAMES, *model.image_shape), np.float32)
    start = time.perf_counter()
    for variance in np.linspace(1, 0.1, NUM_STEPS, dtype=np.float32):
        model.engine(noises, np.full(NUM_FRAMES, variance))
    return time.perf_counter() - start


def seconds_of_page(page: Page) -> float:
    page.evaluate(WATCH)
    page.wait_for_function("window.seconds !== null")
    return page.evaluate("window.seconds")


def main() -> None:
    demo = app.build("runs")
    launch(demo, server_name="127.0.0.1", quiet=True)
    warm_up("runs")
    model = load_model("flowers64", "runs")
    with sync_playwright() as playwright:
        executable = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1600, "height": 950})
        page.set_default_timeout(300_000)
        # A loop holds no frame, so that nothing but the work is timed.
        page.goto(f"{demo.local_url}?tab=interpolate&seeds=3,8&frames={NUM_FRAMES // 2}&loop=true")
        page.locator(".interpolate .run-button").locator("visible=true").wait_for()
        page.wait_for_function("document.querySelector('.again textarea')?.value.startsWith('http')")
        seconds_of_page(page)
        print(f"{NUM_FRAMES} frames, {NUM_STEPS} steps, {model.engine.precision}")
        engine = TimedEngine(model)
        for _ in range(ROUNDS):
            alone = seconds_of_network(model)
            before = engine.seconds
            shown = seconds_of_page(page)
            meanwhile = engine.seconds - before
            print(
                f"press to playing film {shown:.2f} s; network alone {alone:.2f} s, so {shown / alone:.2f} x; "
                f"network meanwhile {meanwhile:.2f} s, so {shown / meanwhile:.2f} x",
                flush=True,
            )
        browser.close()
    demo.close(verbose=False)


if __name__ == "__main__":
    main()
