"""How long jobs take when they take turns in one process, so that a machine that slows down slows them all."""

import statistics
import time
from collections.abc import Callable, Mapping


def median_seconds(jobs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each job by its name, after one turn that does not count."""
    for job in jobs.values():
        job()
    times = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            times[name].append(_seconds(job))
    return {name: statistics.median(values) for name, values in times.items()}


def _seconds(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start
