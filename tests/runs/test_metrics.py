"""Metrics of a run whose file may be damaged, and which many may watch."""

import json

import pytest

from ddim.runs import metrics as module
from ddim.runs.folder import append_metrics
from ddim.runs.metrics import are_metrics, metrics_in, watched_metrics

BETWEEN = {"step": 2, "loss": 0.9}
EPOCH = {"epoch": 1, "step": 4, "loss": 0.8, "val_loss": 0.7, "kid": None}


@pytest.mark.parametrize("line", [BETWEEN, EPOCH, {**EPOCH, "kid": 0.25}, {**BETWEEN, "loss": 1}])
def test_what_a_run_writes_is_metrics(line):
    assert are_metrics(line)


DAMAGED = [
    b"{",
    b"\xff\xfe\x00",
    b"[]",
    b"7",
    b'{"step": 2}',
    b'{"step": 2, "loss": "0.9"}',
    b'{"step": 2, "loss": null}',
    b'{"step": 2, "loss": NaN}',
    b'{"step": 2, "loss": 1e400}',
    b'{"step": 2.5, "loss": 0.9}',
    b'{"step": 2, "loss": 1%s}' % (400 * b"0"),
    b'{"step": 2, "loss": 1%s}' % (5000 * b"0"),
    b'{"step": 2, "loss": 0.9, "learning_rate": {}}',
    b'{"epoch": 1, "step": 4, "loss": 0.8}',
    b'{"epoch": 0, "step": 4, "loss": 0.8, "val_loss": 0.7}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("damaged", DAMAGED, ids=lambda line: repr(line[:40]))
def test_a_damaged_line_is_left_out_and_said_and_the_others_stay(tmp_path, damaged):
    lines = [json.dumps(BETWEEN).encode(), damaged, json.dumps(EPOCH).encode(), b""]
    (tmp_path / "metrics.jsonl").write_bytes(b"\n".join(lines))
    assert watched_metrics(tmp_path).lines == [BETWEEN, EPOCH]
    assert watched_metrics(tmp_path).damage.startswith("metrics.jsonl is shown without 1 line,")


@pytest.mark.parametrize("unfinished", [b"", b"{", b'{"step": 6, "lo', b"\xc3"])
def test_a_line_that_is_still_being_written_is_no_damage(tmp_path, unfinished):
    (tmp_path / "metrics.jsonl").write_bytes(json.dumps(BETWEEN).encode() + b"\n" + unfinished)
    assert watched_metrics(tmp_path) == ([BETWEEN], "")


def test_a_file_that_is_a_folder_is_damage_to_watchers_and_an_error_to_a_run(tmp_path):
    assert watched_metrics(tmp_path) == ([], "")
    (tmp_path / "metrics.jsonl").mkdir()
    lines, damage = watched_metrics(tmp_path)
    assert lines == [] and damage.startswith("metrics.jsonl cannot be read: ")
    assert str(tmp_path) not in damage
    with pytest.raises(OSError):
        metrics_in(tmp_path / "metrics.jsonl")


def test_metrics_are_read_once_for_all_watchers_until_they_change(tmp_path, monkeypatch):
    append_metrics(tmp_path, **BETWEEN)
    reads = []
    read = module.metrics_in
    monkeypatch.setattr(module, "metrics_in", lambda path: (reads.append(path), read(path))[1])
    assert [watched_metrics(tmp_path).lines for _ in range(5)] == [[BETWEEN]] * 5
    assert len(reads) == 1
    append_metrics(tmp_path, **EPOCH)
    assert watched_metrics(tmp_path).lines == [BETWEEN, EPOCH]
    assert len(reads) == 2
