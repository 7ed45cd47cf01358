"""Which engine runs some weights soonest on this machine, and its graph: kept in the user's cache, so that the next
program that loads them needs neither Keras nor a measurement.
"""

import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import openvino

from ddim.model.engine import EngineName, EnginePrecision
from ddim.model.openvino_engine import CORE, processor
from ddim.model.unet import UNetConfig

MAX_KEPT = 12  # each takes as much room as the weights
CHOICE, GRAPH = "engine.json", "graph.xml"

logger = logging.getLogger("ddim")


class Choice(NamedTuple):
    """The engine that was the quickest, in which precision, and for OpenVINO its graph."""

    name: EngineName
    precision: EnginePrecision
    graph: openvino.Model | None = None


def entry_of(config: UNetConfig, sha256: str, precision: EnginePrecision) -> Path:
    """The folder for weights with this checksum, run by these versions and this code on this processor."""
    makers = sorted(Path(__file__).parent.glob("*.py"))  # of networks, graphs and choices
    code = [hashlib.sha256(maker.read_bytes()).hexdigest() for maker in makers]
    versions = [openvino.get_version(), version("keras"), os.environ.get("KERAS_BACKEND")]
    devices = [processor(), Path("/dev/nvidiactl").exists(), os.environ.get("CUDA_VISIBLE_DEVICES")]
    facts = [code, versions, devices, asdict(config), sha256, precision]
    return cache_folder() / hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def recall(entry: Path) -> Choice | None:
    """What `keep` wrote there, or None if there is nothing that can be read."""
    try:
        told = json.loads((entry / CHOICE).read_text())
        graph = CORE.read_model(entry / GRAPH) if told["name"] == "OpenVINO" else None
        os.utime(entry)  # so that what is used is kept
        return Choice(told["name"], told["precision"], graph)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
        logger.warning("A kept engine cannot be read and is made anew: %s", str(error).partition("\n")[0])
        return None


def keep(entry: Path, choice: Choice) -> None:
    """Write a choice for `recall`, all of it or nothing; the one unused for longest makes room. A full disk is told."""
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=entry.parent) as unfinished:
            folder = Path(unfinished) / "entry"
            folder.mkdir()
            if choice.graph:
                openvino.save_model(choice.graph, folder / GRAPH, compress_to_fp16=False)
            (folder / CHOICE).write_text(json.dumps({"name": choice.name, "precision": choice.precision}))
            shutil.rmtree(entry, ignore_errors=True)
            folder.rename(entry)
        kept = sorted(entry.parent.glob("*/"), key=lambda one: one.stat().st_mtime)
        for oldest in kept[:-MAX_KEPT]:
            shutil.rmtree(oldest, ignore_errors=True)
    except OSError as error:  # it works without, if later
        logger.warning("The engine of these weights could not be kept for the next start: %s", error)


def cache_folder() -> Path:
    """Where this user's programs keep what can be made anew."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "ddim"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "ddim"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "ddim"
