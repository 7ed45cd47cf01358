"""What `python app.py` can be told."""

import argparse
import os
from pathlib import Path
from typing import Any, NamedTuple

from ddim.errors import UserError
from ddim.runs.process import training_switch
from ddim.ui.serving import LOG_LEVELS
from ddim.ui.tabs.train.rights import Rules

ENVIRONMENT = """Without these options the environment decides, as for any Gradio app: GRADIO_SERVER_NAME,
GRADIO_SERVER_PORT, GRADIO_SHARE, GRADIO_ROOT_PATH and the like. DDIM_TRAINING=on or off says whether runs can be
started at all."""


class Arguments(NamedTuple):
    """Where runs are, who may do what, what is logged, and options of gr.Blocks.launch."""

    runs_dir: str
    rules: Rules
    log_level: str
    launch: dict[str, Any]


def read_arguments(description: str | None) -> Arguments:
    """What the command line says. What is wrong ends the program with one line."""
    parser = argparse.ArgumentParser(description=description, epilog=ENVIRONMENT)
    parser.add_argument("--host", help="address to listen at: 0.0.0.0 is every network (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen at (default: the first free one from 7860 on)")
    parser.add_argument("--share", action="store_true", help="make a public link that lasts for a week")
    parser.add_argument("--auth", type=_login, metavar="USER:PASSWORD", help="let nobody else in, and who is in train")
    parser.add_argument("--runs-dir", default="runs", help="folder of training runs, whose weights can be chosen")
    parser.add_argument("--max-runs", type=int, default=1, metavar="N", help="trainings at a time (default: 1)")
    parser.add_argument(
        "--dataset-dir",
        type=_folder,
        action="append",
        default=[],
        metavar="FOLDER",
        help="pictures to train on, or folders of them, that can be chosen by name; may be given again",
    )
    parser.add_argument("--inception-weights", metavar="FILE", help="InceptionV3's weights (default: downloaded)")
    parser.add_argument("--log-level", choices=LOG_LEVELS, default="warning", help="info: a line for each request")
    options = parser.parse_args()
    try:
        training_switch()
    except UserError as error:
        parser.error(str(error))
    is_shared = options.share or os.environ.get("GRADIO_SHARE", "").lower() == "true"
    has_login = options.auth is not None
    rules = Rules(options.max_runs, options.dataset_dir, options.inception_weights, has_login, is_shared)
    launch = {"server_name": options.host, "server_port": options.port, "share": options.share or None}
    return Arguments(_relative(options.runs_dir), rules, options.log_level, {**launch, "auth": options.auth})


def _login(text: str) -> tuple[str, str]:
    user, separator, password = text.partition(":")
    if not (user and separator and password):
        raise argparse.ArgumentTypeError("must be USER:PASSWORD")
    return user, password


def _folder(text: str) -> Path:
    folder = Path(text).expanduser().absolute()
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"names no folder: {text}")
    return folder


def _relative(runs_dir: str) -> str:
    """The same folder from here, since weights in it are called by their paths, which visitors see."""
    try:
        return Path(os.path.relpath(runs_dir)).as_posix()
    except ValueError:  # on another drive of Windows
        return runs_dir
