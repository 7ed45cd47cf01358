"""By which protocol the KIDs of a run were measured: only KIDs of one protocol can be compared."""

import json
from pathlib import Path
from typing import Any

from ddim.model.weights import BEST
from ddim.runs.folder import name_of_dataset

WAYS = {"page_kid": "as the page samples", "kid": "by five DDIM steps"}
"""The metrics that are KIDs, with how the pictures are made; the first that a run has decides its best epoch."""


def kid_protocol(run: Path) -> str:
    """What KIDs of a run depend on besides the way of sampling: block, encoder, real pictures and their number.

    The card of its best weights tells them; older runs have only what was asked for. Two runs that say the same can be
    compared.
    """
    config, card = _read(run / "config.json"), _read(run / f"{BEST}.json")
    kid = card.get("kid")
    measured = kid.get("protocol") if isinstance(kid, dict) else None
    asked = f"InceptionV3 {config.get('kid_block')}, at most {config.get('kid_images')} validation pictures"
    protocol, size = measured or asked, _image_size(config)
    told = f" of {size} x {size}" if size else ""
    return f"{protocol}; {name_of_dataset(str(config.get('dataset')))}{told}"


def _image_size(config: dict[str, Any]) -> Any:
    try:
        return config["model"]["network"]["image_size"]
    except (LookupError, TypeError):
        return None


def _read(path: Path) -> dict[str, Any]:
    """What a JSON file holds, and nothing where there is none or it is damaged."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
