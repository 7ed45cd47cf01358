"""What 1 to 16 visitors get who all ask for 4 pictures of 10 steps: python -m tests.benchmarks.visitors

Wanted are nine tenths of the single visitor's pictures a second for eight of them together, and nobody who waits for
much longer than the others. Then what a point of the plane takes, as it is asked for while a visitor drags.
"""

import statistics
import tempfile
import threading
import time
from pathlib import Path

from gradio_client import Client

import ddim
from ddim.diffusion.sampling import FEW_STEPS
from ddim.making.plane import Place, sample_at
from ddim.ui.tabs.interpolate.explorer import draft_config
from tests.load import page

NUM_VISITORS = (1, 2, 4, 8, 16)
SECONDS = 15
NUM_IMAGES = 4
WEIGHTS = ("flowers64", "flowers64-species")
ASKED = {"num_images": NUM_IMAGES, "num_steps": 10, "solver": "ddim", "api_name": "/generate"}
POINTS = 30


def seconds_of_visitors(clients: list[Client], weights: str, seconds: float = SECONDS) -> list[list[float]]:
    """How long each request took, for each visitor, of those that began within so many seconds."""
    waits: list[list[float]] = [[] for _ in clients]
    until = time.perf_counter() + seconds

    def visit(number: int) -> None:
        while (started := time.perf_counter()) < until:
            clients[number].predict(**ASKED, weights=weights, seed=1000 * number + len(waits[number]))
            waits[number].append(time.perf_counter() - started)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(len(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits


def _fresh_clients(address: str, number: int) -> list[Client]:
    """Clients who have had nothing yet. They leave the files, for each of which they would read all certificates."""
    options = {"verbose": False, "download_files": False, "analytics_enabled": False}
    return [Client(address, **options) for _ in range(number)]


def compare_numbers(address: str, weights: str) -> None:
    print(f"{weights}, {NUM_IMAGES} pictures of 10 DDIM steps:")
    alone = None
    for num_visitors in NUM_VISITORS:
        clients = _fresh_clients(address, num_visitors)
        began = time.perf_counter()
        waits = [wait for of_one in seconds_of_visitors(clients, weights) for wait in of_one]
        rate = NUM_IMAGES * len(waits) / (time.perf_counter() - began)
        alone = alone or rate
        mean = statistics.mean(waits)
        told = f"{rate:5.1f} pictures a second, {rate / alone:4.2f} x alone, mean {mean:5.2f} s"
        print(f"  {num_visitors:2} visitors: {told}, slowest {max(waits) / mean:4.2f} x the mean")


def time_points(weights: str) -> None:
    """Pictures of few steps, as they come while the ring is dragged, but for the way to the browser."""
    model = ddim.load(weights)
    config = draft_config(model.sample_config(FEW_STEPS, num_steps=10, guidance=2.75 if model.classes else 1.0))
    seconds = []
    for number in range(POINTS):
        started = time.perf_counter()
        *_, last = sample_at(model, Place((3, 8, 21, 5), (number / POINTS, 0.5)), config)
        seconds.append(time.perf_counter() - started)
    median = statistics.median(seconds)
    print(f"{weights}, a point of the plane in {last.nfe} evaluations: {1000 * median:.0f} ms")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, page(Path(folder), Path(folder) / "runs") as (address, _):
        for weights in WEIGHTS:
            # So that everything is loaded and compiled, the smaller batches too that are made while others wait.
            seconds_of_visitors(_fresh_clients(address, 2), weights, seconds=2)
            compare_numbers(address, weights)
    for weights in WEIGHTS:
        time_points(weights)


if __name__ == "__main__":
    main()
