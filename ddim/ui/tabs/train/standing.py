"""How a run stands, in words for people, and what it lets be done with it."""

import html
from datetime import timedelta
from pathlib import Path

from ddim.model.weights import BEST, WEIGHTS_SUFFIX
from ddim.runs.folder import FINISHED, RUNNING, STOP, read_status
from ddim.runs.kid_protocol import WAYS, kid_protocol
from ddim.runs.metrics import watched_metrics
from ddim.ui.edge import without_paths
from ddim.ui.tabs.train import plots


def possible(run: Path, runs_dir: str) -> dict[str, bool]:
    """What can be done with a run as it stands, by the names of buttons."""
    is_own, state = run.parent == Path(runs_dir), read_status(run).state
    has_weights, can_go_on = (run / f"{BEST}{WEIGHTS_SUFFIX}").is_file(), (run / "checkpoints").exists()
    return {
        "stop": is_own and state == RUNNING,
        "resume": is_own and state not in (RUNNING, FINISHED) and can_go_on,
        "use": has_weights or not is_own,
        "pack": has_weights,
        "delete": is_own and state != RUNNING,
    }


def describe(run: Path, *notes: str) -> str:
    """How a run stands and what of it is damaged, for people, with further sentences."""
    status, best = read_status(run), plots.best_epoch(run)
    stops = status.state == RUNNING and (run / STOP).exists()
    standing = "stopping: it finishes its batch and saves" if stops else status.state
    parts = [f"<b>{html.escape(run.name)}</b> {html.escape(standing)}"]
    if status.total_steps:
        parts.append(f"epoch {status.epoch:d} of {status.epochs:d}, step {status.step:d} of {status.total_steps:d}")
    if status.state == RUNNING and status.images_per_second and status.seconds_per_step:
        parts.append(f"{status.images_per_second:.1f} pictures a second, {status.seconds_per_step:.2f} s a step")
        parts.append(f"{timedelta(seconds=round(status.seconds_left or 0))} left")
    if best:
        kids = [
            f"KID {1000 * best[name]:.1f} x 10<sup>-3</sup> {way}"
            for name, way in WAYS.items()
            if best.get(name) is not None
        ]
        kid = f"{', '.join(kids)} ({html.escape(kid_protocol(run))})" if kids else "KID not measured"
        parts.append(f"best epoch ★ {best['epoch']:d}: {kid}, validation loss {best['val_loss']:.4f}")
    text = " · ".join(parts)
    for sentence in (status.pictures, status.message, watched_metrics(run).damage, *notes):
        if sentence:
            text += f"<br>{html.escape(without_paths(sentence))}"
    if status.state == RUNNING and status.total_steps:
        text += f'<progress max="{status.total_steps:d}" value="{status.step:d}"></progress>'
    return text
