"""Who may train, stop, delete and upload here, and on which pictures: whoever started the app decides.

On loopback, whoever sits at the machine may. Elsewhere only who has logged in may, and on a Space only its owner.
"""

import ipaddress
import math
import os
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr

from ddim.data.folders import FOLDER_PREFIX, TFDS_PREFIX
from ddim.errors import UserError
from ddim.runs import process
from ddim.runs.folder import is_locked, recorded
from ddim.training.config import TrainConfig
from ddim.ui.edge import asking
from ddim.ui.reading import read_weights

UPLOADS = ".pictures"  # which no run can be called
# Whoever sets these speaks for somebody else: a tunnel or a proxy, which makes strangers look near.
FORWARDING = re.compile(
    r"forwarded|via|x-(original-)?forwarded.*|x-(real|client)-ip|.*-(client|connecting)-ip|x-envoy-.*"
)
TFDS_NAME = re.compile(r"\w+(/\w[\w.-]*)?(:[\d.*]+)?|huggingface:\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)


@dataclass(frozen=True)
class Rules:
    """What is allowed here.

    Attributes:
        max_runs: Trainings at a time.
        dataset_dirs: Folders of pictures, or of folders of pictures, that can be chosen by their names.
        inception_weights: The file with InceptionV3's weights, or none if they are downloaded.
        has_login: Nobody comes in without a user name and a password.
        is_shared: Strangers come by a tunnel from this machine, so nobody is known by being near.
    """

    max_runs: int = 1
    dataset_dirs: Sequence[Path] = ()
    inception_weights: str | None = None
    has_login: bool = False
    is_shared: bool = False


EVERYDAY = Rules()
_starting = threading.Lock()


def refusal(rules: Rules) -> str | None:
    """Why whoever asks may not train, or None. Where nobody asks, a program calls."""
    request = asking.get()
    if told := process.training_refusal():
        return told
    if request is None:
        return None
    headers = {name.lower(): value for name, value in dict(request.headers).items()}
    if not _is_from_this_page(headers):
        return "This comes from another page than this app's, which may not act for you."
    if rules.has_login and request.username:
        return None
    if owner := os.environ.get("SPACE_ID", "").partition("/")[0]:
        profile = _profile(request)
        return None if profile == owner else f"On this Space, training is for {owner}, who has to be logged in."
    if not rules.has_login and not rules.is_shared and _is_near(request.client.host, headers):
        return None
    return "From here you can look: training is for who sits at the machine of this app, or logs in (--auth)."


def check(rules: Rules) -> None:
    """Raise UserError unless whoever asks may train, stop, delete and upload."""
    if told := refusal(rules):
        raise UserError(told)


def start(rules: Rules, run: Path, arguments: list[str]) -> None:
    """Start a training, unless as many are running beside it as may run at a time. Raises UserError as `start_run`."""
    with _starting:  # or several that begin at once would not see each other
        running = [one.name for one in recorded(run.parent) if one.parent == run.parent and is_locked(one)]
        if run.name not in running and len(running) >= rules.max_runs:
            raise UserError(f"{', '.join(running)} is training already: stop it first, or have --max-runs allow more.")
        process.start_run(run, arguments)


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
    if not name.startswith(FOLDER_PREFIX) and TFDS_NAME.fullmatch(name.removeprefix(TFDS_PREFIX)):
        return TFDS_PREFIX + name.removeprefix(TFDS_PREFIX)
    folder = _folders(rules, runs_dir).get(name.removeprefix(FOLDER_PREFIX))
    if folder is None:
        raise UserError(
            f"No pictures here are called {name!r:.100}: choose a set of TFDS by its name, or upload pictures. Folders "
            "of this machine are for who starts the app, by --dataset-dir."
        )
    return FOLDER_PREFIX + str(folder.absolute())


def _folders(rules: Rules, runs_dir: str) -> dict[str, Path]:
    uploads = {path.name: path for path in Path(runs_dir, UPLOADS).glob("*") if path.is_dir()}
    below = {path.name: path for folder in rules.dataset_dirs for path in folder.glob("[!.]*") if path.is_dir()}
    return below | {folder.name: folder for folder in rules.dataset_dirs} | uploads


def _profile(request: gr.Request) -> str | None:
    """The name by which somebody has logged in with the Space's own login, if it has one."""
    scope = request.request.scope if request.request else {}
    info: dict[str, Any] = scope.get("session", {}).get("oauth_info") or {}
    is_valid = info.get("expires_at", math.inf) > time.time()
    return info.get("userinfo", {}).get("preferred_username") if is_valid else None


def _is_near(address: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser on this machine asks, by an address of this machine: others could be led here by name."""
    host = headers.get("host", "").rsplit(":", 1)[0].strip("[]")
    is_named_near = host == "localhost" or _is_loopback(host)
    return is_named_near and _is_loopback(address) and not any(map(FORWARDING.fullmatch, headers))


def _is_from_this_page(headers: Mapping[str, str]) -> bool:
    """Whether no other page that somebody has open asks in their name; clients that are no browsers do not say."""
    if "sec-fetch-site" in headers:
        return headers["sec-fetch-site"] in ("same-origin", "none")
    return "origin" not in headers or urlsplit(headers["origin"]).netloc == headers.get("host")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
