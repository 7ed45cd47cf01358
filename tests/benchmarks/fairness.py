"""What one picture of five steps waits for while eight visitors make pictures that take minutes: wanted is 5 x alone.

python -m tests.benchmarks.fairness
"""

import statistics
import tempfile
import time
from pathlib import Path

from gradio_client import Client

from tests.load import page

ROUNDS = 7
SMALL = {"seed": 1, "num_images": 1, "num_steps": 5, "solver": "ddim", "weights": "flowers64", "api_name": "/generate"}
LONG = {**SMALL, "num_images": 64, "num_steps": 100, "solver": "heun"}


def median_seconds(client: Client) -> float:
    seconds = []
    for seed in range(ROUNDS):
        started = time.perf_counter()
        client.predict(**{**SMALL, "seed": seed})
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, page(Path(folder), Path(folder) / "runs") as (address, _):

        def visitor() -> Client:
            return Client(address, verbose=False, download_files=folder, analytics_enabled=False)

        visitor().predict(**{**SMALL, "num_images": 64})  # so that everything is loaded and compiled
        alone = median_seconds(visitor())
        jobs = [visitor().submit(**LONG) for _ in range(8)]
        time.sleep(5)
        beside = median_seconds(visitor())
        print(f"alone {alone:.2f} s, beside eight long jobs {beside:.2f} s: {beside / alone:.1f} x")
        print(f"of the eight, {sum(job.done() for job in jobs)} are done")
        for job in jobs:
            job.cancel()


if __name__ == "__main__":
    main()
