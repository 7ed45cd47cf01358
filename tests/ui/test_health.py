"""What /healthz says, by plain HTTP."""

import json
import urllib.error
import urllib.request
from concurrent.futures import Future
from pathlib import Path

import pytest

import ddim
from ddim.errors import UserError
from ddim.model.engine import TURNS
from ddim.ui import health


@pytest.fixture
def healthz(served):
    def ask():
        try:
            with urllib.request.urlopen(f"{served[0]}healthz", timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as answer:
            return answer.code, json.load(answer)

    return ask


@pytest.fixture
def loading(monkeypatch):
    """An app that has just started, as far as health knows."""
    future = Future()
    monkeypatch.setattr(health, "_first_weights", future)
    return future


def test_it_tells_the_version_the_weights_and_how_the_engine_stands(healthz, loading):
    assert healthz() == (200, {"version": ddim.__version__, "weights": None, "engine": "loading", "queue": 0})
    loading.set_result("flowers64")
    assert healthz() == (200, {"version": ddim.__version__, "weights": "flowers64", "engine": "ready", "queue": 0})


def test_weights_that_are_loaded_are_called_by_name_without_where_they_lie(healthz, loading, weights, monkeypatch):
    monkeypatch.setattr(health.models, "available", lambda runs_dir: [weights])
    assert Path(weights).is_absolute()
    health.warm_up(str(Path(weights).parent))
    assert healthz() == (200, {"version": ddim.__version__, "weights": "tiny", "engine": "ready", "queue": 0})


def test_weights_that_cannot_be_loaded_are_an_app_that_cannot_work(healthz, loading, monkeypatch, capsys):
    def fail(runs_dir):
        raise UserError("/srv/runs/tiny/best.weights.h5 is damaged.")

    monkeypatch.setattr(health.models, "warm_up", fail)
    health.warm_up("runs")
    assert healthz() == (503, {"version": ddim.__version__, "weights": None, "engine": "failed", "queue": 0})
    assert capsys.readouterr().err == "/srv/runs/tiny/best.weights.h5 is damaged.\n"


def test_a_bug_while_loading_is_told_too_and_not_hidden(healthz, loading, monkeypatch):
    monkeypatch.setattr(health.models, "warm_up", lambda runs_dir: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        health.warm_up("runs")
    assert healthz()[0] == 503


def test_it_does_not_wait_for_running_work_until_that_is_stuck(healthz, loading, monkeypatch):
    loading.set_result("flowers64")
    with TURNS.turn():  # nobody else can use the network
        assert healthz()[0] == 200
        monkeypatch.setattr(health, "SECONDS_TO_ANSWER", 0)
        assert healthz() == (503, {"version": ddim.__version__, "weights": "flowers64", "engine": "stuck", "queue": 0})
    monkeypatch.undo()
