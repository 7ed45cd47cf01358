"""What the window on a training run shows, however long the run is and whatever has happened to its files."""

import gradio as gr
import numpy as np
import pytest
from tiny_runs import record_run

from ddim.runs.folder import FINISHED, RUNNING, STOPPED, Status, append_metrics, locked, write_json, write_status
from ddim.ui.tabs.train import plots, standing, view


@pytest.fixture
def runs_dir(tmp_path):
    """A folder with the runs "long", of four epochs, and "short", of two."""
    record_run(tmp_path / "long", 4)
    record_run(tmp_path / "short", 2)
    write_status(tmp_path / "long", Status(STOPPED, 16, 16, 4, 4))
    return tmp_path


@pytest.fixture
def calls(runs_dir):
    """What the window asks the server, by name."""
    with gr.Blocks() as demo:
        buttons = {name: gr.Button(name) for name in ("stop", "resume", "use", "pack", "delete")}
        view.wire(demo, view.lay_out(str(runs_dir)), str(runs_dir), buttons)
    return {call.name: call.fn for call in demo.fns.values()}


def look(calls, run, *overlay, seen=None, chosen=None):
    return calls["look"](run, list(overlay), seen, chosen)


def lines_of(shown, chart):
    """The runs of a chart that have points, with the kind of each line."""
    chart = next(one for one in shown.charts["charts"] if one["title"].startswith(chart))
    return {(line["run"], line["kind"]) for line in chart["lines"] if line["points"]}


DAMAGES = {
    "metrics.jsonl": (b'{"step": "x"}\n\xff\n', "metrics.jsonl is shown without 2 lines, damaged or"),
    "status.json": (b'{"state": 7}', "How this run stands is not known: its status.json is damaged."),
    "samples/epoch_0004.png": (b"no picture", "epoch_0004.png is damaged or gone: its pictures are left out."),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_damaged_is_left_out_and_said_once(calls, runs_dir, name):
    content, sentence = DAMAGES[name]
    (runs_dir / "long" / name).write_bytes(content)
    shown = look(calls, "long", "short")
    assert shown.status.count(sentence) == 1
    assert (shown.samples is None) == (name.endswith(".png"))
    assert (("long", "validation") in lines_of(shown, "Loss")) == (name != "metrics.jsonl")
    assert ("short", "training") in lines_of(shown, "Loss")
    assert shown.seen == look(calls, "long", "short").seen
    with_it_as_the_other = look(calls, "short", "long")
    assert with_it_as_the_other.samples is not None
    assert with_it_as_the_other.status.count(f"long: {sentence}") == (name == "metrics.jsonl")


def test_kids_of_two_protocols_or_ways_of_sampling_never_share_an_axis(runs_dir):
    for name, block in (("long", "mixed5"), ("short", "mixed10"), ("alike", "mixed5")):
        (runs_dir / name).mkdir(exist_ok=True)
        append_metrics(runs_dir / name, epoch=5, step=20, loss=1, val_loss=1, kid=0.02, page_kid=0.01)
        write_json(runs_dir / name / "config.json", {"dataset": "flowers", "kid_block": block, "kid_images": 256})
    shown = plots.charts([runs_dir / name for name in ("long", "short", "alike")])
    axes = [(one["title"], [line["run"] for line in one["lines"]]) for one in shown["charts"] if "KID" in one["title"]]
    ways = ("as the page samples", "by five DDIM steps")
    assert axes == [(f"KID x 1000 {way}", runs) for way in ways for runs in (["long", "alike"], ["short"])]
    notes = [one["note"] for one in shown["charts"] if "KID" in one["title"]]
    assert ["mixed5" in note for note in notes] == [True, False, True, False]
    assert "mixed10" in standing.describe(runs_dir / "short")


def possible(calls, run):
    """The buttons that can be pressed."""
    shown = look(calls, run)
    return {name for name in ("stop", "resume", "use", "pack", "delete") if getattr(shown, name).interactive}


def test_buttons_can_be_pressed_while_the_run_lets_them(calls, runs_dir):
    assert possible(calls, "flowers64.run") == {"use"}
    assert possible(calls, "short") == {"delete"}
    (runs_dir / "short" / "checkpoints").mkdir()
    (runs_dir / "short" / "best.weights.h5").touch()
    assert possible(calls, "short") == {"resume", "use", "pack", "delete"}
    write_status(runs_dir / "short", Status(RUNNING, 1, 8))
    with locked(runs_dir / "short"):
        assert possible(calls, "short") == {"stop", "use", "pack"}
        before = look(calls, "short")
        (runs_dir / "short" / "stop").touch()
        assert "stopping" in look(calls, "short", seen=before.seen).status
    assert "stopped" in look(calls, "short", seen=before.seen).status
    write_status(runs_dir / "short", Status(FINISHED, 8, 8))
    assert possible(calls, "short") == {"use", "pack", "delete"}


def test_nothing_is_sent_while_nothing_changes(calls, runs_dir):
    first = look(calls, "long")
    assert first.samples.size == (48, 24)
    again = look(calls, "long", seen=first.seen)
    assert all(value == gr.skip() for value in again)
    append_metrics(runs_dir / "long", step=17, loss=0.1)
    assert look(calls, "long", seen=first.seen).status != gr.skip()


def test_who_has_gone_back_to_an_epoch_stays_there_while_the_run_goes_on(calls, runs_dir):
    first = look(calls, "long")
    append_metrics(runs_dir / "long", step=17, loss=0.1)
    assert look(calls, "long", seen=first.seen, chosen=2).chosen == 2
    assert look(calls, "short", seen=first.seen, chosen=2).chosen is None


def test_the_pictures_of_an_epoch_that_are_damaged_are_said_when_it_is_chosen(calls, runs_dir):
    (runs_dir / "long" / "samples" / "epoch_0002.png").write_bytes(b"\x89PNG")
    status, grid, chosen = calls["show_epoch"]("long", [], 2)
    assert "epoch_0002.png is damaged or gone" in status
    assert (grid, chosen) == (None, 2)
    status, grid, chosen = calls["show_epoch"]("long", ["short"], 4)
    assert "damaged" not in status
    assert (grid.size, chosen) == ((48, 24), None)


def test_the_list_of_runs_stands_what_is_no_run(calls, runs_dir):
    (runs_dir / "odd" / "config.json").mkdir(parents=True)
    (runs_dir / "long" / "config.json").unlink()
    *_, found = calls["find_runs"](None, [], None)
    assert "short" in dict(found)
    assert not {"odd", "long"} & dict(found).keys()


def test_between_epochs_a_plot_has_as_many_points_as_can_be_seen_with_the_last(tmp_path):
    for step in range(1, 7502):
        if step % 2500 == 0:
            append_metrics(tmp_path, epoch=step // 2500, step=step, loss=0.5, val_loss=0.6)
        append_metrics(tmp_path, step=step, loss=1 / step)
    training, validation = (np.array(line["points"])[:, 0] for line in plots.losses([tmp_path]))
    assert validation.tolist() == [1, 2, 3]
    assert 900 <= len(training) <= plots.MAX_POINTS + 3
    assert training[-1] == 7501 / 2500
    assert 0 <= np.diff(training).min() <= np.diff(training).max() < 10 / 2500
