"""What `evaluate` measured, as text, JSON and a chart."""

import json
from typing import Any

import numpy as np


def table(results: dict[str, Any]) -> str:
    """The results as text: KID x 1000 as mean and standard deviation over generations."""
    lines = [results["pictures"], results["protocol"]]
    lines.append(f"floor, training pictures in place of generated ones: {1000 * results['floor']:.1f}")
    lines.append(
        f"median distance of validation photographs to the nearest training picture: {results['distance']:.2f}"
    )
    if results["accuracy"] is not None:
        lines.append(f"validation photographs that the classifier takes for what they are: {results['accuracy']:.2f}")
    width = max(len(measurement["weights"]) for measurement in results["measurements"])
    titles = (
        "solver             guidance  steps  NFE  KID subsets    KID batches    precision  recall  distance  as asked"
    )
    lines += ["", f"{'weights':{width}} {titles}"]
    lines += [f"{measurement['weights']:{width}} {_row(measurement)}" for measurement in results["measurements"]]
    return "\n".join(lines)


def _row(measurement: dict[str, Any]) -> str:
    """All that was measured for one way of sampling, below the titles of the table."""
    config = measurement["config"]
    parts = [
        f"{_solver_of(config):18} {config['guidance']:8g}  {config['num_steps']:5}  {measurement['nfe']:3}",
        f"{_spread(measurement['kid_subsets']):13}",
        f"{_spread(measurement['kid_batches']):13}",
        f"{np.mean(measurement['precision']):9.2f}",
        f"{np.mean(measurement['recall']):6.2f}",
        f"{np.mean(measurement['distance']):8.2f}",
        *([f"{np.mean(measurement['as_asked']):8.2f}"] if measurement["as_asked"] else []),
    ]
    return "  ".join(parts)


def to_json(results: dict[str, Any]) -> str:
    """The results without the picture."""
    return json.dumps({name: value for name, value in results.items() if name != "neighbours"}, indent=2) + "\n"


def chart(results: dict[str, Any]) -> np.ndarray:
    """KID by subsets over network evaluations, a line for each solver and set of weights, (H, W, 3) uint8."""
    from ddim.media.chart import line_chart  # here, since it brings in matplotlib, which nothing else needs

    lines: dict[str, list[tuple[float, float, float]]] = {}
    is_of_one = len({measurement["sha256"] for measurement in results["measurements"]}) == 1
    for measurement in results["measurements"]:
        kids = 1000 * np.array(measurement["kid_subsets"])
        solver = _solver_of(measurement["config"])
        guidance = measurement["config"]["guidance"]
        solver += f", guidance {guidance:g}" if guidance != 1 else ""
        name = solver if is_of_one else f"{measurement['weights']}, {solver}"
        lines.setdefault(name, []).append((measurement["nfe"], float(kids.mean()), float(kids.std())))
    lines = {name: sorted(line) for name, line in lines.items()}
    evaluations = [measurement["nfe"] for measurement in results["measurements"]]
    lines["floor"] = [(nfe, 1000 * results["floor"], 0.0) for nfe in (min(evaluations), max(evaluations))]
    return line_chart(lines, "KID x 1000 by subsets", "network evaluations", "KID x 1000", results["protocol"])


def _solver_of(config: dict[str, Any]) -> str:
    """Solver, nodes and eta in words."""
    solver = config["solver"] + ("" if config["node_placement"] == "reference" else f" {config['node_placement']}")
    return solver + (f" eta {config['eta']:g}" if config["eta"] else "")


def _spread(kids: list[float]) -> str:
    return f"{1000 * np.mean(kids):6.1f} +- {1000 * np.std(kids):3.1f}"
