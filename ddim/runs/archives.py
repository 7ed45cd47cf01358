"""ZIP files that come and go: a run's best weights, and pictures to train on. What comes in is not trusted."""

import hashlib
import json
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ddim.data import SUFFIXES
from ddim.errors import UserError
from ddim.model.weights import BEST, WEIGHTS_SUFFIX, load, read
from ddim.runs.folder import read_metrics

RUN_FILES = (f"{BEST}{WEIGHTS_SUFFIX}", f"{BEST}.json", "config.json", "metrics.jsonl")
MAX_WEIGHTS_BYTES = 256 << 20
MAX_TEXT_BYTES = 16 << 20
MAX_METRIC = 2**53
MAX_PICTURES = 50_000
MAX_PICTURE_BYTES = 32 << 20
MAX_PICTURES_BYTES = 4 << 30
CHUNK = 1 << 20
NOT_IN_NAMES = re.compile(r"[^\w -]|^(train|validation|val|test)$")


def pack_run(run: Path, path: Path) -> None:
    """Write a run's best weights with their card, config and metrics. Raises UserError for none, or damaged ones."""
    if not (run / RUN_FILES[0]).is_file():
        raise UserError(f"There are no weights in {run.name}: a run writes them after its first epoch.")
    card, weights = read(run / BEST)  # of one epoch, though the run may be replacing them
    contents: dict[str, str | bytes] = {
        f"{BEST}{WEIGHTS_SUFFIX}": weights,
        f"{BEST}.json": json.dumps(card, indent=2) + "\n",
        "config.json": (run / "config.json").read_text(),
        # Whole lines only, though the run may be writing one.
        "metrics.jsonl": "".join(json.dumps(line) + "\n" for line in read_metrics(run)),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def unpack_run(path: Path, run: Path) -> None:
    """Make a run from a ZIP that `pack_run` wrote. Raises UserError if it is not one, or if the run exists already.

    Every page shows what the files say, so nothing is kept of a ZIP whose files are not what a run writes.
    """
    if run.exists():
        raise UserError(f"There is a run {run.name} already: delete it first, or rename the ZIP.")
    run.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=run.parent) as place:
        unfinished = Path(place) / run.name  # one folder deeper than where runs are looked for
        unfinished.mkdir()
        with _opened(path) as archive:
            members = {member.filename: member for member in archive.infolist()}
            if missing := [name for name in RUN_FILES if name not in members]:
                raise UserError(f"{path.name} is not a packed run: it must contain {', '.join(missing)}.")
            for name in RUN_FILES:
                limit = MAX_WEIGHTS_BYTES if name.endswith(WEIGHTS_SUFFIX) else MAX_TEXT_BYTES
                with archive.open(members[name]) as source:
                    _copy(source, unfinished / name, limit)
        _check_texts(unfinished)
        load(unfinished, "float32")  # refuses what does not fit its card
        unfinished.rename(run)


def unpack_pictures(paths: Iterable[Path], folder: Path) -> Path:
    """Put uploaded pictures, and those in uploaded ZIPs, into a new folder below `folder` and return it.

    Names are replaced by checksums, so that no name leads elsewhere and no picture counts twice; of folders in a ZIP
    the innermost stays, in letters and digits alone, since it may say what kind of picture this is. Raises UserError
    for more than 50,000 pictures, 32 MB a picture or 4 GB in all, and if there is none.
    """
    unfinished = folder / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    names, total, raw = set(), 0, folder / "unfinished.raw"
    try:
        for kind, suffix, source in _picture_files(paths):
            total += _copy(source, raw, MAX_PICTURE_BYTES)
            name = hashlib.sha256(raw.read_bytes()).hexdigest()[:32] + suffix
            (unfinished / kind).mkdir(exist_ok=True)
            raw.rename(unfinished / kind / name)
            names.add(f"{kind}/{name}" if kind else name)
            if len(names) > MAX_PICTURES or total > MAX_PICTURES_BYTES:
                raise UserError(f"An upload holds at most {MAX_PICTURES} pictures and {MAX_PICTURES_BYTES >> 30} GB.")
        if not names:
            raise UserError(f"The upload holds no pictures: their names end in {' '.join(SUFFIXES)}.")
        place = folder / hashlib.sha256("".join(sorted(names)).encode()).hexdigest()[:8]
        if not place.exists():
            unfinished.rename(place)
        return place
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        raw.unlink(missing_ok=True)


def _check_texts(run: Path) -> None:
    """Raise UserError unless config and metrics, read as pages read them, hold what pages can show."""
    try:
        config = json.loads((run / "config.json").read_text())
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    except (ValueError, RecursionError) as error:  # the latter for endless nesting
        raise UserError("config.json or metrics.jsonl in the upload is not JSON: it is damaged.") from error
    if not isinstance(config, dict) or not isinstance(config.get("dataset"), str):
        raise UserError("config.json in the upload must be a JSON object that names its dataset.")
    for number, line in enumerate(lines, 1):
        if not isinstance(line, dict) or not _are_metrics(line):
            raise UserError(
                f"Line {number} of metrics.jsonl in the upload must be a JSON object of numbers, with step and loss, "
                "and after an epoch with epoch and val_loss."
            )


def _are_metrics(line: dict[str, Any]) -> bool:
    """Whether a line has all that the plots read, as numbers that they can show; others may be null."""
    needed = {"step", "loss", "epoch", "val_loss"} if "epoch" in line else {"step", "loss"}
    numbers = {name: value for name, value in line.items() if value is not None or name in needed}
    return (
        needed <= numbers.keys()
        and all(type(value) in (int, float) and abs(value) < MAX_METRIC for value in numbers.values())
        and type(line["step"]) is int
        and ("epoch" not in line or (type(line["epoch"]) is int and line["epoch"] > 0))
    )


def _picture_files(paths: Iterable[Path]) -> Iterator[tuple[str, str, IO[bytes]]]:
    """The folder that each picture lies in, or nothing, the ending of its name, and its content."""
    for path in paths:
        if path.suffix.lower() == ".zip":
            with _opened(path) as archive:
                for member in archive.infolist():
                    suffix = Path(member.filename).suffix.lower()
                    if suffix in SUFFIXES and not member.is_dir():
                        kind = NOT_IN_NAMES.sub("", PurePosixPath(member.filename).parent.name).strip(" -")
                        with archive.open(member) as source:
                            yield kind, suffix, source
        elif path.suffix.lower() in SUFFIXES:
            with path.open("rb") as source:
                yield "", path.suffix.lower(), source


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path.name} is not a ZIP file, or is damaged.") from error


def _copy(source: IO[bytes], path: Path, limit: int) -> int:
    """Copy at most `limit` bytes, whatever a ZIP's list of contents claims. Raises UserError if there are more."""
    copied = 0
    try:
        with path.open("wb") as target:
            while chunk := source.read(CHUNK):
                copied += len(chunk)
                if copied > limit:
                    raise UserError(f"A file in the upload is larger than {limit >> 20} MB.")
                target.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise UserError(f"The upload holds a file that cannot be unpacked: {error}.") from error
    return copied
