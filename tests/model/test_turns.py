import threading
from contextvars import copy_context

import pytest

from ddim.model.turns import Turns, Usual, seconds_waited, visitor


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Queue:
    """Visitors in threads of their own, in front of turns that take as long as the test says."""

    def __init__(self):
        self.clock = Clock()
        self.turns = Turns(self.clock)
        self.order, self.crowds, self.threads = [], [], []

    def ask(self, who, seconds, usual=None):
        """Let a visitor ask for a turn of so many seconds, and return once they are in line."""

        def work():
            visitor.set(who)
            with self.turns.turn() as turn:
                if usual:
                    turn.usual = usual
                self.order.append(who)
                self.crowds.append(turn.is_crowded)
                self.clock.now += seconds

        thread = threading.Thread(target=copy_context().run, args=[work])
        length = len(self.turns._waiting)
        thread.start()
        self.threads.append(thread)
        while len(self.turns._waiting) == length and thread.is_alive():
            pass

    def end(self):
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def queue():
    return Queue()


def test_visitors_take_turns_however_much_each_asks_for(queue):
    with queue.turns.turn():
        for who in ("ann", "ann", "ann", "ann", "bea", "bea", "cid"):
            queue.ask(who, 1.0)
    queue.end()
    assert queue.order == ["ann", "bea", "cid", "ann", "bea", "ann", "ann"]


def test_a_small_job_comes_next_whenever_it_asks(queue):
    with queue.turns.turn():
        for number in range(8):
            for _ in range(3):
                queue.ask(f"long {number}", 1.0)
        for _ in range(5):
            queue.ask("small", 0.1)
    queue.end()
    assert [place for place, who in enumerate(queue.order) if who == "small"] == [8, 9, 10, 11, 12]


def test_what_was_had_long_ago_counts_for_nothing(queue):
    with queue.turns.turn():
        queue.ask("early", 30.0)
    queue.end()
    queue.clock.now += 600
    with queue.turns.turn():
        queue.ask("late", 1.0)
        queue.ask("late", 1.0)
        queue.ask("early", 1.0)
    queue.end()
    assert queue.order == ["early", "late", "early", "late"]


def test_a_turn_knows_whether_others_wait_but_not_of_ones_own(queue):
    with queue.turns.turn():
        queue.ask("ann", 1.0)
        queue.ask("ann", 1.0)
        queue.ask("bea", 1.0)
    queue.end()
    assert queue.order == ["ann", "bea", "ann"]
    assert queue.crowds == [True, True, False]


def test_who_had_a_slow_turn_of_a_kind_does_not_wait_for_it_once_more(queue):
    usual = Usual()
    for _ in range(50):
        usual.after(1.0)
    with queue.turns.turn():
        queue.ask("ann", 9.0, usual)
        queue.ask("bea", 1.0, usual)
    queue.end()
    with queue.turns.turn():
        for who in ("ann", "ann", "bea", "bea"):
            queue.ask(who, 1.0, usual)
    queue.end()
    assert queue.order == ["ann", "bea", "ann", "bea", "ann", "bea"]


def test_what_a_turn_usually_takes_follows_what_it_takes():
    usual = Usual()
    assert usual.after(1.5) == 1.5
    assert 1.0 < usual.after(1.0) < 1.5
    for _ in range(100):
        usual.after(1.0)
    assert usual.seconds == pytest.approx(1.0, abs=1e-4)


def test_a_first_turn_in_which_much_was_compiled_was_not_usual():
    usual = Usual()
    usual.after(5.0)
    assert usual.after(0.02) == 0.02


def test_a_turn_that_fails_is_over(queue):
    with pytest.raises(ZeroDivisionError), queue.turns.turn():
        queue.ask("next", 1.0)
        raise ZeroDivisionError
    queue.end()
    assert queue.order == ["next"]


def test_visitors_of_the_past_are_forgotten(queue):
    for number in range(100):
        queue.ask(f"visitor {number}", 0.01)
        queue.end()
        queue.clock.now += 60
    assert len(queue.turns._had) <= 3


def test_one_alone_takes_turns_within_no_time_at_all():
    turns = Turns()
    for _ in range(3):
        with turns.turn() as turn:
            assert not turn.is_crowded


def test_how_long_a_turn_lasts_can_be_asked_from_outside_without_waiting(queue):
    assert queue.turns.seconds_taken() == 0
    with queue.turns.turn():
        queue.clock.now += 3.0
        assert queue.turns.seconds_taken() == 3.0
        queue.ask("ann", 1.0)  # who waits has no turn yet
        assert queue.turns.seconds_taken() == 3.0
    queue.end()
    assert queue.turns.seconds_taken() == 0


def test_work_knows_how_long_it_has_waited():
    clock, waits, waited = Clock(), [], []
    turns = Turns(clock)

    def work():
        seconds_waited.set(waits)
        with turns.turn():
            pass
        with turns.turn():  # which comes at once
            waited.extend(waits)

    thread = threading.Thread(target=copy_context().run, args=[work])
    with turns.turn():
        thread.start()
        while not turns._waiting:
            pass
        clock.now += 2.5
    thread.join(10)
    assert waited == [2.5]
