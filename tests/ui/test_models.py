"""Models behind the page: who waits for whom, and which are kept."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ddim.errors import UserError
from ddim.model.weights import save
from ddim.ui import models
from ddim.ui.models import load_model

TIMEOUT = 30


@pytest.fixture
def runs_dir(tmp_path):
    return tmp_path


@pytest.fixture
def new_weights(runs_dir):
    """A function that writes a file of so many bytes where weights of this name belong, and returns what loads it."""

    def write(name, size=1000):
        (runs_dir / name).mkdir(exist_ok=True)
        (runs_dir / name / "best.weights.h5").write_bytes(bytes(size))
        return (runs_dir / name).as_posix()

    return write


class Loader:
    """In the place of `load`: notes what is loaded, lets a test hold some of it back, and fails if it is told to."""

    def __init__(self):
        self.loaded: list[str] = []
        self.held: dict[str, threading.Event] = {}
        self.began = threading.Semaphore(0)
        self.failure: Exception | None = None

    def __call__(self, name):
        self.loaded.append(name)
        self.began.release()
        assert name not in self.held or self.held[name].wait(TIMEOUT)
        if self.failure:
            raise self.failure
        return object()

    def hold(self, name):
        self.held[name] = threading.Event()
        return self.held[name].set

    def wait_for_beginning(self):
        assert self.began.acquire(timeout=TIMEOUT)


@pytest.fixture
def loader(monkeypatch):
    loader = Loader()
    monkeypatch.setattr(models, "load", loader)
    monkeypatch.setattr(models, "_kept", {})
    return loader


@pytest.fixture
def visitors():
    with ThreadPoolExecutor(16) as visitors:
        yield visitors


def test_who_wants_loaded_weights_does_not_wait_while_others_are_loaded(runs_dir, new_weights, loader, visitors):
    ready, slow, third = new_weights("ready"), new_weights("slow"), new_weights("third")
    model, release = load_model(ready, runs_dir), loader.hold(slow)
    loader.wait_for_beginning()
    waiting = visitors.submit(load_model, slow, runs_dir)
    loader.wait_for_beginning()
    try:
        assert visitors.submit(load_model, ready, runs_dir).result(TIMEOUT) is model
        assert visitors.submit(load_model, third, runs_dir).result(TIMEOUT) is not model  # nor does a load wait
        assert not waiting.done()
    finally:
        release()
    assert waiting.result(TIMEOUT) is load_model(slow, runs_dir)
    assert sorted(loader.loaded) == sorted([ready, slow, third])


def test_weights_that_ten_ask_for_at_once_are_loaded_once(runs_dir, new_weights, loader, visitors):
    name = new_weights("wanted")
    release = loader.hold(name)
    waiting = [visitors.submit(load_model, name, runs_dir) for _ in range(10)]
    loader.wait_for_beginning()
    release()
    assert len({one.result(TIMEOUT) for one in waiting}) == 1
    assert loader.loaded == [name]


def test_a_load_that_fails_fails_for_all_who_wait_and_is_not_remembered(runs_dir, new_weights, loader, visitors):
    name = new_weights("damaged")
    release, loader.failure = loader.hold(name), UserError("damaged")
    waiting = [visitors.submit(load_model, name, runs_dir) for _ in range(3)]
    loader.wait_for_beginning()
    release()
    for one in waiting:
        with pytest.raises(UserError, match="damaged"):
            one.result(TIMEOUT)
    loader.failure = None
    assert load_model(name, runs_dir) is load_model(name, runs_dir)


def test_a_load_that_fails_pushes_nothing_out(runs_dir, new_weights, loader):
    first, damaged = new_weights("first"), new_weights("damaged", models.MAX_BYTES)
    model, loader.failure = load_model(first, runs_dir), UserError("damaged")
    with pytest.raises(UserError, match="damaged"):
        load_model(damaged, runs_dir)
    assert load_model(first, runs_dir) is model


def test_small_weights_all_stay(runs_dir, new_weights, loader):
    names = [new_weights(name) for name in "abc"]
    assert [load_model(name, runs_dir) for name in names] == [load_model(name, runs_dir) for name in names]
    assert loader.loaded == names


@pytest.fixture
def of_a_third(monkeypatch):
    """The size of a file whose model takes a third of what may be kept."""
    monkeypatch.setattr(models, "MAX_BYTES", 6000)
    return 1000


def test_what_was_used_longest_ago_makes_room(runs_dir, new_weights, loader, of_a_third):
    first, second, third, fourth = (new_weights(name, of_a_third) for name in "abcd")
    for name in (first, second, third, first, fourth):  # so the second has waited longest
        load_model(name, runs_dir)
    for name in (first, third, fourth):
        load_model(name, runs_dir)
    assert loader.loaded == [first, second, third, fourth]
    load_model(second, runs_dir)
    assert loader.loaded == [first, second, third, fourth, second]


def test_the_only_weights_are_kept_however_large(runs_dir, new_weights, loader, of_a_third):
    small, large = new_weights("small", of_a_third), new_weights("large", 10 * of_a_third)
    load_model(small, runs_dir)
    assert load_model(large, runs_dir) is load_model(large, runs_dir)
    assert list(models._kept) == [large]


def test_replaced_weights_are_loaded_anew_and_the_old_ones_forgotten(runs_dir, tiny_model, monkeypatch):
    monkeypatch.setattr(models, "_kept", {})
    name = (runs_dir / "run").as_posix()
    save(tiny_model, runs_dir / "run" / "best", epoch=1)
    first = load_model(name, runs_dir)
    save(tiny_model, runs_dir / "run" / "best", epoch=2)
    second = load_model(name, runs_dir)
    assert (first.card["epoch"], second.card["epoch"]) == (1, 2)
    assert load_model(name, runs_dir) is second
    assert len(models._kept) == 1


def test_what_a_model_is_counted_as_covers_both_of_its_networks(runs_dir, tiny_model, monkeypatch):
    monkeypatch.setattr(models, "_kept", {})
    save(tiny_model, runs_dir / "run" / "best")
    model = load_model((runs_dir / "run").as_posix(), runs_dir)
    (kept,) = models._kept.values()
    assert kept.num_bytes >= 2 * sum(weight.nbytes for weight in model.network.get_weights())
