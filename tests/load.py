"""Visitors who all come at once: python -m tests.load --visitors 32 --seconds 60

A page of its own is started, and called as people call it, on all tabs, some of whom stop, leave, or ask and never come
for the answer. Each finished picture is made again out of the recipe inside it and compared. At the end come what was
asked and answered, how long it took, pictures that are wrong, refusals by sentence, and what the page has kept.
"""

import argparse
import collections
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from gradio_client import Client
from PIL import Image

import ddim
from ddim.making.recipe import Recipe
from ddim.media import embedded
from tests.serving import free_port

ROOT = Path(__file__).parents[1]
TOLERANCE = 4  # of 255, in bfloat16
BUSY = re.compile("Queue is full|503")  # what clients make of our sentences
PATIENCE = 120
WAYS = {"generate": 5, "compare_steps": 2, "interpolate": 1, "animate": 1, "stop": 2, "leave": 1, "never listen": 1}


class Kept(NamedTuple):
    """What a page holds on to."""

    megabytes: int
    open_files: int
    threads: int
    pictures: int


class Tally:
    """What has happened so far, told by many threads."""

    def __init__(self, weights: str):
        self.model = ddim.load(weights)
        self.lock = threading.Lock()
        self.asked: collections.Counter[str] = collections.Counter()
        self.seconds: dict[str, list[float]] = collections.defaultdict(list)
        self.refusals: collections.Counter[str] = collections.Counter()
        self.num_pictures = self.num_wrong = 0

    def answered(self, way: str, seconds: float) -> None:
        with self.lock:
            self.seconds[way].append(seconds)

    def refused(self, sentence: str) -> None:
        with self.lock:
            self.refusals[sentence[:150]] += 1

    def look_at(self, gallery: list[dict[str, Any]]) -> None:
        """Make each picture again, alone, and compare."""
        for entry in gallery:
            recipe = Recipe.from_json(embedded.read(entry["image"]))
            with Image.open(entry["image"]) as picture:
                shown = np.asarray(picture.convert("RGB")).astype(int)
            expected = ddim.generate(self.model, recipe.seeds, recipe.config)[0]
            with self.lock:
                self.num_pictures += 1
                self.num_wrong += bool(np.abs(shown - expected).max() > TOLERANCE)

    @property
    def unexplained(self) -> dict[str, int]:
        """Refusals for another reason than that there were too many requests."""
        return {sentence: count for sentence, count in self.refusals.items() if not BUSY.search(sentence)}


@contextmanager
def page(folder: Path, runs_dir: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """The address of a page in a process of its own, and that process."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "app.py", "--port", str(port), "--runs-dir", str(runs_dir)]
    environment = {**os.environ, "GRADIO_TEMP_DIR": str(folder / "pictures")}
    with (folder / "page.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(OSError):
                urllib.request.urlopen(f"{address}/config", timeout=10).close()
                break
            time.sleep(0.2)
        yield address, process
    finally:
        process.terminate()
        process.wait(timeout=60)


def kept(process: subprocess.Popen, folder: Path) -> Kept:
    """What the page holds on to at this moment, as Linux tells."""
    place = Path(f"/proc/{process.pid}")
    status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
    pictures = sum(path.is_file() for path in (folder / "pictures").rglob("*"))
    megabytes = int(status["VmRSS"].split()[0]) >> 10
    return Kept(megabytes, len(list((place / "fd").iterdir())), int(status["Threads"]), pictures)


def visit(address: str, weights: str, tally: Tally, generator: random.Random, end: float, downloads: Path) -> None:
    """Come with a client, ask in one way after the other until the end."""
    client = Client(address, verbose=False, download_files=downloads, analytics_enabled=False)
    while time.monotonic() < end:
        way = generator.choices(list(WAYS), WAYS.values())[0]
        with tally.lock:
            tally.asked[way] += 1
        started = time.monotonic()
        try:
            ask(client, address, way, weights, tally, generator)
        except Exception as error:  # whatever a client meets is what this is about
            tally.refused(f"{type(error).__name__}: {error}")
        else:
            tally.answered(way, time.monotonic() - started)
    client.close()


def ask(client: Client, address: str, way: str, weights: str, tally: Tally, generator: random.Random) -> None:
    seed, num_steps = generator.randrange(1000), generator.randint(1, 8)
    few: dict[str, Any] = {"weights": weights, "num_steps": num_steps, "solver": "ddim"}
    match way:
        case "generate":
            asked = {"seed": seed, "num_images": generator.randint(1, 6), **few}
            tally.look_at(client.predict(**asked, api_name="/generate")[0])
        case "compare_steps":
            asked = {"seeds": f"{seed}-{seed + 2}", "num_steps": "1,3,5", "solvers": "ddim", "weights": weights}
            tally.look_at(client.predict(**asked, api_name="/compare_steps")[0])
        case "interpolate":
            client.predict(seeds=f"{seed},{seed + 1}", frames=8, **few, api_name="/interpolate")
        case "animate":
            client.predict(seeds=f"{seed}", **few, api_name="/animate")
        case "stop":
            job = client.submit(seed=seed, num_images=16, **{**few, "num_steps": 100}, api_name="/generate")
            time.sleep(generator.uniform(0, 3))
            job.cancel()
        case "leave":
            join(address, seed, num_steps=100, listens=True)
        case "never listen":
            join(address, seed, num_steps=5, listens=False)


def join(address: str, seed: int, num_steps: int, listens: bool) -> None:
    """Ask by hand, and go away before the answer comes, or never come for it."""
    with urllib.request.urlopen(f"{address}/config", timeout=PATIENCE) as answer:
        config = json.load(answer)
    event = next(one for one in config["dependencies"] if one["api_name"] == "generate")
    values = {part["id"]: part["props"].get("value") for part in config["components"]}
    data = [values.get(number) for number in event["inputs"]]
    data[:3] = [seed, 4, num_steps]
    session = f"{random.getrandbits(64):x}"
    body = json.dumps({"data": data, "fn_index": event["id"], "session_hash": session}).encode()
    request = urllib.request.Request(f"{address}/gradio_api/queue/join", body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=PATIENCE).close()
    if listens:
        with urllib.request.urlopen(f"{address}/gradio_api/queue/data?session_hash={session}", timeout=60) as stream:
            stream.readline()


def load(visitors: int, seconds: float, weights: str, runs_dir: Path, folder: Path) -> tuple[Tally, Kept, Kept]:
    """Let so many visitors come for so long, to the page with these weights. What was kept is before and after."""
    tally = Tally(weights)
    with page(folder, runs_dir) as (address, process):
        ddim_ready = Client(address, verbose=False, download_files=folder, analytics_enabled=False)
        ddim_ready.predict(seed=0, num_images=1, num_steps=1, weights=weights, api_name="/generate")
        before, end = kept(process, folder), time.monotonic() + seconds
        threads = [
            threading.Thread(target=visit, args=[address, weights, tally, random.Random(number), end, folder])
            for number in range(visitors)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds + 10 * PATIENCE)
        time.sleep(12)  # until Gradio has noticed who left
        return tally, before, kept(process, folder)


def told(tally: Tally, before: Kept, after: Kept) -> str:
    """All of it as text."""
    lines = [f"{'':14}{'asked':>7}{'answered':>10}{'median s':>10}{'95 % s':>8}{'most s':>8}"]
    for way, asked in sorted(tally.asked.items()):
        seconds = tally.seconds[way] or [float("nan")]
        times = "".join(f"{np.percentile(seconds, part):{width}.1f}" for part, width in ((50, 10), (95, 8), (100, 8)))
        lines.append(f"{way:14}{asked:7}{len(tally.seconds[way]):10}{times}")
    lines += ["", f"{tally.num_pictures} pictures compared, {tally.num_wrong} wrong"]
    lines += [f"{count} x {sentence}" for sentence, count in tally.refusals.most_common()]
    lines += [f"{name}: {old} before, {new} after" for name, old, new in zip(Kept._fields, before, after, strict=True)]
    return "\n".join(lines)


def main() -> None:
    """Print what so many visitors meet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--weights", default="flowers64")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs_dir = Path(folder) / "runs"
        print(told(*load(arguments.visitors, arguments.seconds, arguments.weights, runs_dir, Path(folder))))
        print((Path(folder) / "page.log").read_text())


if __name__ == "__main__":
    main()
