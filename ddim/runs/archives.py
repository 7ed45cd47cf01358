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
from typing import IO, Any, NamedTuple

from ddim import zips
from ddim.data.decoding import is_picture
from ddim.data.folders import is_litter
from ddim.data.source import LeftOut, told
from ddim.errors import UserError
from ddim.model.engine import MAX_BATCH_SIZE
from ddim.model.size import output_bytes
from ddim.model.weights import BEST, WEIGHTS_SUFFIX, load, read
from ddim.runs.folder import name_of_dataset, read_metrics, write_json
from ddim.runs.metrics import are_metrics

RUN_FILES = (f"{BEST}{WEIGHTS_SUFFIX}", f"{BEST}.json", "config.json", "metrics.jsonl")
MAX_WEIGHTS_BYTES = 256 << 20
MAX_METRICS_BYTES = 16 << 20
MAX_JSON_BYTES = 1 << 20
MAX_LIST_BYTES = 1 << 20
MAX_PICTURE_LIST_BYTES = 32 << 20
MAX_OUTPUT_BYTES = 16 << 30  # for a batch of what the page draws at once: that takes a fifth of it at most
MAX_PICTURES = 50_000
MAX_PICTURE_BYTES = 32 << 20
MAX_PICTURES_BYTES = 4 << 30
CHUNK = 1 << 20
NOT_IN_NAMES = re.compile(r'[\x00-\x1f<>:"/\\|?*]|^[ .]+|[ .]+$')
MAX_FOLDERS = 8


def pack_run(run: Path, path: Path) -> None:
    """Write a run's best weights with their card, config and metrics. Raises UserError for none, or damaged ones."""
    if not (run / RUN_FILES[0]).is_file():
        raise UserError(f"There are no weights in {run.name}: a run writes them after its first epoch.")
    card, weights = read(run / BEST)  # of one epoch, though the run may be replacing them
    if "training" in card:
        card["training"] = _without_paths(card["training"])
    contents: dict[str, str | bytes] = {
        f"{BEST}{WEIGHTS_SUFFIX}": weights,
        f"{BEST}.json": json.dumps(card, indent=2) + "\n",
        "config.json": json.dumps(_config_without_paths(run), indent=2) + "\n",
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
        with zips.opened(path, MAX_LIST_BYTES) as archive:
            names = set(archive.namelist())
            if missing := [name for name in RUN_FILES if name not in names]:
                raise UserError(f"{path.name} is not a packed run: it must contain {', '.join(missing)}.")
            limits = (MAX_WEIGHTS_BYTES, MAX_JSON_BYTES, MAX_JSON_BYTES, MAX_METRICS_BYTES)
            for name, limit in zip(RUN_FILES, limits, strict=True):
                with zips.source_of(archive, name) as source:
                    _copy(source, unfinished / name, limit)
        _check_texts(unfinished)
        write_json(unfinished / "config.json", _config_without_paths(unfinished))
        network = load(unfinished, "float32").config.network  # refuses what does not fit its card
        if output_bytes(network, MAX_BATCH_SIZE) > MAX_OUTPUT_BYTES:
            raise UserError(
                f"To draw pictures, the network in {path.name} would take more memory than an upload may: unpack it "
                f"into a folder of its own in {run.parent} instead."
            )
        unfinished.rename(run)


class Unpacked(NamedTuple):
    """The folder of unpacked pictures, and in a sentence how many there are and what was left out."""

    folder: Path
    summary: str


def unpack_pictures(paths: Iterable[Path], folder: Path) -> Unpacked:
    """Put uploaded pictures, and those in uploaded ZIPs, into a new folder below `folder`.

    Names are replaced by checksums, so that no name leads elsewhere and no picture counts twice in a folder; folders
    keep their names, since these say what kind of picture this is. Raises UserError for more than 50,000 pictures,
    32 MB a picture or 4 GB in all, for a ZIP that cannot be unpacked, and if there is no picture.
    """
    unfinished = folder / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    names, total, raw, left_out = set(), 0, folder / "unfinished.raw", []
    try:
        for name, source in _files(paths):
            if is_litter(name):
                left_out.append(LeftOut(str(name)))
                continue
            total += _copy(source, raw, MAX_PICTURE_BYTES)
            if not is_picture(raw):
                left_out.append(LeftOut(str(name)))
                continue
            folders = [NOT_IN_NAMES.sub("", part)[:64] for part in name.parts[:-1][:MAX_FOLDERS]]
            place = PurePosixPath(*filter(None, folders))
            picture = place / f"{hashlib.sha256(raw.read_bytes()).hexdigest()[:32]}{_suffix(name)}"
            (unfinished / place).mkdir(parents=True, exist_ok=True)
            raw.replace(unfinished / picture)
            names.add(str(picture))
            if len(names) > MAX_PICTURES or total > MAX_PICTURES_BYTES:
                raise UserError(f"An upload holds at most {MAX_PICTURES} pictures and {MAX_PICTURES_BYTES >> 30} GB.")
        if not names:
            raise UserError(f"The upload holds no pictures{told(left_out)}.")
        place_of_all = folder / hashlib.sha256("".join(sorted(names)).encode()).hexdigest()[:8]
        if not place_of_all.exists():
            unfinished.rename(place_of_all)
        return Unpacked(place_of_all, f"{len(names):,} pictures{told(left_out)}")
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        raw.unlink(missing_ok=True)


def _config_without_paths(run: Path) -> dict[str, Any]:
    return _without_paths(json.loads((run / "config.json").read_text()))


def _without_paths(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration for others, whom it does not concern where things lie on this machine."""
    files = {name: Path(config[name]).name for name in ("init_weights", "inception_weights") if config.get(name)}
    dataset = {"dataset": name_of_dataset(config["dataset"])} if "dataset" in config else {}
    taught = {}
    if isinstance(asked := config.get("distillation"), dict):
        taught = {"distillation": {**asked, "teacher": Path(str(asked.get("teacher"))).name}}
    return {**config, **files, **dataset, **taught}


def _check_texts(run: Path) -> None:
    """Raise UserError unless config and metrics, read as pages read them, hold what pages can show."""
    try:
        config = json.loads((run / "config.json").read_text())
        if not isinstance(config, dict) or not isinstance(config.get("dataset"), str):
            raise UserError("config.json in the upload must be a JSON object that names its dataset.")
        for number, text in enumerate((run / "metrics.jsonl").read_text().splitlines(), 1):
            line = json.loads(text)
            if not are_metrics(line):
                raise UserError(
                    f"Line {number} of metrics.jsonl in the upload must be a JSON object of numbers, with step and "
                    "loss, and after an epoch with epoch and val_loss."
                )
    except UserError:
        raise
    except (ValueError, RecursionError) as error:  # the latter for endless nesting
        raise UserError("config.json or metrics.jsonl in the upload is not JSON: it is damaged.") from error


def _files(paths: Iterable[Path]) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    """The name and the content of each file, and of each file in a ZIP."""
    for path in paths:
        if not zipfile.is_zipfile(path):
            with path.open("rb") as source:
                yield PurePosixPath(path.name), source
            continue
        with zips.opened(path, MAX_PICTURE_LIST_BYTES) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    with zips.source_of(archive, member) as source:
                        yield _inside(member.filename), source


def _inside(name: str) -> PurePosixPath:
    """The path of a file in a ZIP, perhaps made on Windows, as one that leads nowhere else."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return PurePosixPath(*(part for part in parts if part not in ("/", "..")))


def _suffix(name: PurePosixPath) -> str:
    return name.suffix.lower() if re.fullmatch(r"\.[A-Za-z0-9]{1,5}", name.suffix) else ""


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
