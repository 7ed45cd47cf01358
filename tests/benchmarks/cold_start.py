"""How long a cold shell waits for pictures: python -m tests.benchmarks.cold_start

Each command runs in a process of its own, five times, after one run that fills the caches of compiled code, files and
engines; `page` is the time until the address answers, `first pictures` until sixteen have been made by it.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gradio_client import Client

from tests.serving import free_port

ROOT = Path(__file__).parents[2]
ROUNDS = 5
WEIGHTS = ("flowers64", "flowers64-species", "flowers64-species-fast")


def seconds_of_sample(folder: Path, weights: str) -> float:
    output = folder / "flowers.png"
    began = time.perf_counter()
    arguments = ["sample", "--weights", weights, "--num-steps", "10", "--output", str(output)]
    subprocess.run([sys.executable, "-m", "ddim", *arguments], cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - began


@contextmanager
def started_page(folder: Path) -> Iterator[str]:
    """The address of a page that has begun to answer."""
    port = free_port()
    environment = os.environ | {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": str(folder)}
    command = [sys.executable, "app.py", "--port", str(port), "--runs-dir", str(folder / "runs")]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}/"
        while process.poll() is None:
            with suppress(OSError), urllib.request.urlopen(address):
                break
            time.sleep(0.02)
        yield address
    finally:
        process.terminate()
        process.wait()


def seconds_of_page(folder: Path) -> float:
    began = time.perf_counter()
    with started_page(folder):
        return time.perf_counter() - began


def seconds_of_first_pictures(folder: Path) -> float:
    began = time.perf_counter()
    with started_page(folder) as address:
        client = Client(address, verbose=False, download_files=str(folder), analytics_enabled=False)
        client.predict(seed=100, num_images=16, api_name="/generate")
        return time.perf_counter() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs: dict[str, Callable[[], float]] = {
            f"sample, {weights}": lambda weights=weights: seconds_of_sample(folder, weights) for weights in WEIGHTS
        }
        jobs |= {"page": lambda: seconds_of_page(folder), "first pictures": lambda: seconds_of_first_pictures(folder)}
        for label, job in jobs.items():
            job()
            seconds = sorted(job() for _ in range(ROUNDS))
            print(f"{label:32}: {statistics.median(seconds):5.2f} s ({seconds[0]:.2f} to {seconds[-1]:.2f})")


if __name__ == "__main__":
    main()
