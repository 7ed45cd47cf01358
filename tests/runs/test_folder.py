import errno
import json
import os
import threading
from dataclasses import asdict

import pytest
from tiny_runs import run_python

from ddim.runs.folder import (
    FAILED,
    FINISHED,
    RUNNING,
    STOPPED,
    Status,
    append_metrics,
    cut_metrics,
    folder_of,
    is_locked,
    locked,
    read_metrics,
    read_status,
    recorded,
    sample_grids,
    write_json,
    write_status,
)
from ddim.runs.process import delete_run, start_run, training_refusal


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


STATUS = Status(RUNNING, 7, 40, 2, 10, 0.5, 128.0, 16.5, 1, "Going well.", "32 pictures", 1234, 1.5e9)


def test_a_status_is_read_as_it_was_written(run):
    with locked(run):
        write_status(run, STATUS)
        assert read_status(run) == STATUS
    assert json.loads((run / "status.json").read_text())["images_per_second"] == 128.0


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"colour": "red"}'])
def test_without_a_status_a_run_counts_as_stopped(run, content):
    if content is not None:
        (run / "status.json").write_text(content)
    assert read_status(run).state == STOPPED


@pytest.mark.parametrize(
    "damage",
    [
        {"state": "asleep"},
        {"state": ["running"]},
        {"step": "7"},
        {"step": 7.5},
        {"step": 10**400},
        {"epochs": None},
        {"seconds_left": 1e300},
        {"seconds_left": float("nan")},
        {"seconds_per_step": "fast"},
        {"message": 7},
        {"pictures": "\ud800"},
    ],
    ids=str,
)
def test_a_status_that_no_page_could_show_is_called_damaged(run, damage):
    (run / "status.json").write_text(json.dumps(asdict(STATUS) | damage))
    assert read_status(run) == Status(STOPPED, message="How this run stands is not known: its status.json is damaged.")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\x00" * 9, b"[" * 100_000, b'{"state": "finished"'])
def test_a_status_that_is_no_json_is_called_damaged(run, content):
    (run / "status.json").write_bytes(content)
    assert "status.json is damaged" in read_status(run).message


def test_what_a_later_version_adds_to_a_status_is_passed_over(run):
    (run / "status.json").write_text(json.dumps({"state": "finished", "step": 7, "mood": "sunny"}))
    assert read_status(run) == Status(FINISHED, 7)


@pytest.mark.parametrize("state", [STOPPED, FINISHED, FAILED])
def test_the_state_of_a_run_that_ended_in_order_is_what_it_said(run, state):
    write_status(run, Status(state, message="All said."))
    assert read_status(run) == Status(state, message="All said.")


def test_a_run_that_says_it_is_running_but_holds_no_lock_was_killed(run):
    write_status(run, STATUS)
    status = read_status(run)
    assert (status.state, status.step) == (STOPPED, 7)
    assert "can be resumed" in status.message


def test_a_run_is_held_by_one(run):
    assert not is_locked(run)
    with locked(run):
        assert is_locked(run)
        with pytest.raises(ValueError, match="Another process is training run"), locked(run):
            pass
    assert not is_locked(run)
    with locked(run):
        pass


def test_who_only_looks_is_in_nobodys_way(run):
    done = threading.Event()

    def look():
        while not done.is_set():
            is_locked(run)

    watchers = [threading.Thread(target=look) for _ in range(3)]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(20):
            with locked(run):
                assert is_locked(run)
    finally:
        done.set()
        for watcher in watchers:
            watcher.join()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_lock_that_cannot_be_had_is_not_one_that_is_held(run, number):
    """On a file system without locks, a file says who holds the run, and one of a dead process is no hindrance."""
    program = f"""
import os, sys
from pathlib import Path
import filelock._native._unix as unix
def refuse(*arguments):
    raise OSError({number}, os.strerror({number}))
unix.fcntl = type("fcntl", (), {{"flock": refuse, "LOCK_EX": 2, "LOCK_NB": 4, "LOCK_UN": 8}})
from ddim.errors import UserError
from ddim.runs.folder import is_locked, locked
run = Path({str(run)!r})
def second():
    try:
        with locked(run):
            return "trains too"
    except UserError as error:
        return error
print(is_locked(run))
with locked(run):
    print(is_locked(run), second())
    if len(sys.argv) > 1:
        sys.stdout.flush()
        os._exit(0)
print(is_locked(run))
"""
    refused = "Another process is training run: stop that one first, or choose another name. If there is none, delete "
    for arguments, last in (["dies"], []), ([], ["False"]), ([], ["False"]):
        lines = run_python("-c", program, *arguments).splitlines()
        assert lines == ["False", f"True {refused}{run / 'lock.process'}.", *last]


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", ".hidden", "name.", "CON", "nul.txt", "com1", "x" * 65, "-"])
def test_a_run_s_name_leads_nowhere_else_and_is_one_on_every_system(tmp_path, name):
    with pytest.raises(ValueError, match="A run's name has up to 64|No run can be called"):
        folder_of(tmp_path, name)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        (" my  first run ", "my-first-run"),
        ("Blüten & Rosen", "Bluten-Rosen"),
        ("roses (1)", "roses-1"),
        ("a_b.c--d-", "a_b.c--d-"),
    ],
)
def test_a_run_s_name_may_be_written_as_people_write(tmp_path, name, folder):
    assert folder_of(tmp_path, name) == tmp_path / folder


def test_a_folder_that_is_not_there_is_not_locked(tmp_path):
    assert not is_locked(tmp_path / "nowhere")


def test_what_is_replaced_is_never_seen_half_written(run):
    content = {"numbers": list(range(10_000))}
    write_json(run / "status.json", content)
    done = threading.Event()

    def write():
        while not done.is_set():
            write_json(run / "status.json", content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(200):
            assert json.loads((run / "status.json").read_text()) == content
    finally:
        done.set()
        writer.join()
    assert [path.name for path in run.iterdir()] == ["status.json"]


LINES = [
    {"step": 2, "loss": 0.9},
    {"epoch": 1, "step": 4, "loss": 0.8, "val_loss": 0.9, "kid": None},
    {"step": 6, "loss": 0.7},
    {"epoch": 2, "step": 8, "loss": 0.6, "val_loss": 0.7, "kid": 0.25},
    {"step": 10, "loss": 0.5},
]


@pytest.fixture
def logged(run):
    for line in LINES:
        append_metrics(run, **line)
    return run


def test_metrics_are_a_line_of_json_each(logged):
    assert [json.loads(line) for line in (logged / "metrics.jsonl").read_text().splitlines()] == LINES
    assert read_metrics(logged) == LINES


def test_a_run_without_metrics_has_none(run):
    assert read_metrics(run) == []
    cut_metrics(run, 0, 0)
    assert read_metrics(run) == []


@pytest.mark.parametrize(
    "torn", ['{"step": 12, "loss": 0.4', '{"st', "{", '{"epoch": 3, "step": 12, "loss": 0.4, "val']
)
def test_a_torn_last_line_is_passed_over_and_cut_away(logged, torn):
    with (logged / "metrics.jsonl").open("a") as file:
        file.write(torn)
    assert read_metrics(logged) == LINES
    cut_metrics(logged, 100, 100)
    append_metrics(logged, step=12, loss=0.4)
    assert [json.loads(line) for line in (logged / "metrics.jsonl").read_text().splitlines()] == [
        *LINES,
        {"step": 12, "loss": 0.4},
    ]


@pytest.mark.parametrize("line", ["[]", "null", "7", '"epoch"'])
def test_a_line_that_is_no_object_is_no_metrics(logged, line):
    with (logged / "metrics.jsonl").open("a") as file:
        file.write(line + "\n")
    assert read_metrics(logged) == LINES


@pytest.mark.parametrize(
    "step, epochs_done, kept",
    [(10, 2, 5), (9, 2, 4), (8, 2, 4), (8, 1, 3), (6, 1, 3), (4, 1, 2), (4, 0, 1), (0, 0, 0)],
)
def test_what_was_logged_after_a_checkpoint_is_forgotten(logged, step, epochs_done, kept):
    cut_metrics(logged, step, epochs_done)
    assert read_metrics(logged) == LINES[:kept]


def test_only_a_folder_with_a_configuration_is_a_run_and_the_newest_is_first(tmp_path):
    for age, name in enumerate(["new", "old"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").touch()
        os.utime(tmp_path / name / "config.json", (1e9 - age, 1e9 - age))
    (tmp_path / "odd" / "config.json").mkdir(parents=True)
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "config.json").symlink_to(tmp_path / "nowhere")
    assert [run.name for run in recorded(tmp_path) if run.parent == tmp_path] == ["new", "old"]


def test_grids_come_in_the_order_of_epochs(run):
    assert sample_grids(run) == []
    (run / "samples").mkdir()
    for name in ("epoch_0010.png", "epoch_0002.png", "notes.txt"):
        (run / "samples" / name).touch()
    assert [path.name for path in sample_grids(run)] == ["epoch_0002.png", "epoch_0010.png"]


@pytest.mark.parametrize(
    "environment, refusal",
    [
        ({}, None),
        ({"DDIM_TRAINING": "off"}, "DDIM_TRAINING=off"),
        ({"DDIM_TRAINING": "FALSE"}, "DDIM_TRAINING=off"),
        ({"DDIM_TRAINING": "0"}, "DDIM_TRAINING=off"),
        ({"SPACE_ID": "somebody/flowers", "DDIM_TRAINING": "Yes"}, None),
        ({"SPACE_ID": "somebody/flowers", "DDIM_TRAINING": "no"}, "DDIM_TRAINING=off"),
        ({"SPACE_ID": "somebody/flowers"}, "A Space shows recorded runs"),
        ({"SPACE_ID": "somebody/flowers", "DDIM_TRAINING": "on"}, None),
    ],
)
def test_training_is_refused_on_a_space_and_where_it_is_off(tmp_path, monkeypatch, environment, refusal):
    for name in ("SPACE_ID", "DDIM_TRAINING"):
        monkeypatch.delenv(name, raising=False)
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    assert (training_refusal() is None) == (refusal is None)
    if refusal:
        assert refusal in training_refusal()
        with pytest.raises(ValueError, match=refusal):
            start_run(tmp_path / "run", [])
        assert os.listdir(tmp_path) == []


def test_a_word_that_says_neither_on_nor_off_is_refused(monkeypatch):
    monkeypatch.setenv("DDIM_TRAINING", "perhaps")
    with pytest.raises(ValueError, match="DDIM_TRAINING must be one of on, 1, true, yes, off, .* but is 'perhaps'"):
        training_refusal()


def test_a_process_that_cannot_begin_leaves_its_last_words(tmp_path, monkeypatch):
    for name in ("SPACE_ID", "DDIM_TRAINING"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="^epochs must be at least 1 and at most 100000, but is 0.$"):
        start_run(tmp_path / "run", ["--epochs", "0"])


def test_a_run_that_is_not_running_is_deleted_whole(logged):
    delete_run(logged)
    assert not logged.exists()
