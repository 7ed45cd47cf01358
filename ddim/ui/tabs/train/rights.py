"""Who may train, stop, delete and upload here, and on which pictures: whoever started the app decides.

On loopback, whoever sits at the machine may. Elsewhere only who has logged in may, and on a Space only its owner.
"""

import ipaddress
import math
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from ddim.data.folders import FOLDER_PREFIX
from ddim.errors import UserError
from ddim.runs.folder import is_locked, recorded
from ddim.runs.process import training_refusal
from ddim.training.config import TrainConfig
from ddim.ui.edge import asking
from ddim.ui.reading import read_weights

UPLOADS = ".pictures"  # which no run can be called
# Whoever sets these speaks for somebody else: a tunnel or a proxy, which makes strangers look near.
FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "cf-connecting-ip", "via")
TFDS_NAME = re.compile(r"[A-Za-z0-9_]+(:[A-Za-z0-9_./*-]+)?(/[A-Za-z0-9_.:*-]+)*")


@dataclass(frozen=True)
class Rules:
    """What is allowed here.

    Attributes:
        max_runs: Trainings at a time.
        dataset_dirs: Folders of pictures, or of folders of pictures, that can be chosen by their names.
        inception_weights: The file with InceptionV3's weights, or none if they are downloaded.
        has_login: Nobody comes in without a user name and a password.
    """

    max_runs: int = 1
    dataset_dirs: Sequence[Path] = ()
    inception_weights: str | None = None
    has_login: bool = False


EVERYDAY = Rules()


def refusal(rules: Rules) -> str | None:
    """Why whoever asks may not train, or None."""
    request = asking.get()
    if told := training_refusal():
        return told
    if request is None or rules.has_login:
        return None
    if owner := os.environ.get("SPACE_ID", "").partition("/")[0]:
        profile = _profile(request)
        return None if profile == owner else f"On this Space, training is for {owner}, who has to be logged in."
    if _is_near(request):
        return None
    return "From here you can look: training is for who sits at the machine of this app, or logs in (--auth)."


def check(rules: Rules) -> None:
    """Raise UserError unless whoever asks may train, stop, delete and upload."""
    if told := refusal(rules):
        raise UserError(told)


def check_number_of_runs(rules: Rules, runs_dir: str) -> None:
    """Raise UserError if as many trainings are running as may run at a time."""
    running = [run.name for run in recorded(runs_dir) if run.parent == Path(runs_dir) and is_locked(run)]
    if len(running) >= rules.max_runs:
        raise UserError(f"{', '.join(running)} is training already: stop it first, or have --max-runs allow more.")


def within(config: TrainConfig, rules: Rules, runs_dir: str) -> TrainConfig:
    """The same, with the paths that its names stand for. Raises UserError for any path, whether it exists or not."""
    init_weights = config.init_weights and read_weights(config.init_weights, runs_dir)
    if init_weights and Path(init_weights).parent != Path("."):
        init_weights = str(Path(init_weights).absolute())
    dataset = _dataset(config.dataset.strip(), rules, runs_dir)
    return replace(config, dataset=dataset, init_weights=init_weights, inception_weights=rules.inception_weights)


def names_of_datasets(rules: Rules, runs_dir: str) -> list[str]:
    """The folders of pictures that can be chosen, as `within` takes them."""
    return [FOLDER_PREFIX + name for name in sorted(_folders(rules, runs_dir))]


def _dataset(name: str, rules: Rules, runs_dir: str) -> str:
    if not name.startswith(FOLDER_PREFIX) and TFDS_NAME.fullmatch(name):
        return name
    folder = _folders(rules, runs_dir).get(name.removeprefix(FOLDER_PREFIX))
    if folder is None:
        raise UserError(
            f"No pictures here are called {name!r:.100}: choose a set of TFDS by its name, or upload pictures. Folders "
            "of this machine are for who starts the app, by --dataset-dir."
        )
    return FOLDER_PREFIX + str(folder.absolute())


def _folders(rules: Rules, runs_dir: str) -> dict[str, Path]:
    uploads = {path.name: path for path in Path(runs_dir, UPLOADS).glob("*") if path.is_dir()}
    below = {path.name: path for folder in rules.dataset_dirs for path in folder.iterdir() if path.is_dir()}
    return below | {folder.name: folder for folder in rules.dataset_dirs} | uploads


def _profile(request: gr.Request) -> str | None:
    """The name by which somebody has logged in with the Space's own login, if it has one."""
    scope = request.request.scope if request.request else {}
    info: dict[str, Any] = scope.get("session", {}).get("oauth_info") or {}
    is_valid = info.get("expires_at", math.inf) > time.time()
    return info.get("userinfo", {}).get("preferred_username") if is_valid else None


def _is_near(request: gr.Request) -> bool:
    """Whether a browser on this machine asks, by an address of this machine: others could be led here by name."""
    headers = {name.lower(): value for name, value in dict(request.headers).items()}
    host = headers.get("host", "").rsplit(":", 1)[0].strip("[]")
    is_named_near = host == "localhost" or _is_loopback(host)
    return is_named_near and _is_loopback(request.client.host) and not any(name in headers for name in FORWARDING)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
