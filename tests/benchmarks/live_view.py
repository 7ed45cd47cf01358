"""What it costs to look on while pictures form, and how soon a comparison shows: python -m tests.benchmarks.live_view

Each tab is asked through its API, by turns with its view of each step and without, with the shipped weights.
"""

import os
import statistics
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRADIO_TEMP_DIR", tempfile.mkdtemp())

from gradio_client import Client

import app
from ddim.model.weights import available
from ddim.ui import live_view
from ddim.ui.models import warm_up
from ddim.ui.serving import launch
from ddim.ui.tabs.compare import tab as compare

ROUNDS = 5
WEIGHTS = available()[0]
REQUESTS = {
    "/generate": {"seed": 0, "num_images": 16, "num_steps": 20, "solver": "ddim", "eta": 0},
    "/compare_steps": {"seeds": "0-5", "num_steps": "1,2,5,10,20,50", "solvers": ["ddim"], "against": "", "eta": 0},
    "/interpolate": {"seeds": "3,8", "frames": 48, "num_steps": 20, "solver": "ddim"},
    "/animate": {"seeds": "0-5", "num_steps": 40, "solver": "ddim", "eta": 0},
}


def set_views(are_shown: bool) -> None:
    live_view.SECONDS_BETWEEN_VIEWS = 0.1 if are_shown else 1e9
    compare.SECONDS_BETWEEN_VIEWS = 0.15 if are_shown else 1e9


def seconds_of(client: Client, api_name: str) -> float:
    start = time.perf_counter()
    client.submit(**REQUESTS[api_name], weights=WEIGHTS, api_name=api_name).result()
    return time.perf_counter() - start


def seconds_to_first_picture(client: Client) -> float:
    start = time.perf_counter()
    for output in client.submit(**REQUESTS["/compare_steps"], weights=WEIGHTS, api_name="/compare_steps"):
        if "<img" in str(output):
            return time.perf_counter() - start
    raise AssertionError("A comparison has pictures.")


def main() -> None:
    demo = app.build("runs")
    launch(demo, server_name="127.0.0.1", quiet=True)
    warm_up("runs")
    client = Client(demo.local_url, verbose=False, download_files=False, analytics_enabled=False)
    for api_name in REQUESTS:
        seconds_of(client, api_name)
        with_view, without = [], []
        for _ in range(ROUNDS):
            for are_shown, seconds in ((True, with_view), (False, without)):
                set_views(are_shown)
                seconds.append(seconds_of(client, api_name))
        ratio = statistics.median(with_view) / statistics.median(without)
        print(f"{api_name}: {statistics.median(with_view):.2f} s, {ratio:.2f} x of that without its view")
    set_views(True)
    first = sorted(seconds_to_first_picture(client) for _ in range(ROUNDS))
    print(f"/compare_steps shows its first pictures after {statistics.median(first):.2f} s, at most {first[-1]:.2f} s")
    client.close()
    demo.close(verbose=False)


if __name__ == "__main__":
    main()
