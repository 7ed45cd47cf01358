"""Whose turn it is at the network: whoever has had the least of it lately."""

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

SECONDS_TO_HALF = 10.0
NEGLIGIBLE = 1e-3
NEWEST = 1 / 8

visitor: ContextVar[str] = ContextVar("visitor", default="")
"""For whom the code under way works. Commands and programs are one visitor, who never waits."""

seconds_waited: ContextVar[list[float]] = ContextVar("seconds_waited")
"""Where the code under way notes how long it has waited, once for each turn that did not come at once."""


class Usual:
    """What a turn of one kind usually takes, in seconds: a mean in which the newest count most.

    What took more than twice as long as the next, as the first does, for which the network is compiled, was not usual.
    """

    def __init__(self) -> None:
        self.seconds: float | None = None

    def after(self, seconds: float) -> float:
        """What it usually takes, now that it took so long once more."""
        if self.seconds is None or seconds < self.seconds / 2:
            self.seconds = seconds
        self.seconds += NEWEST * (seconds - self.seconds)
        return self.seconds


@dataclass
class Turn:
    """A turn that has come.

    Attributes:
        is_crowded: Whether others wait meanwhile.
        usual: What such a turn usually takes, which is what the visitor will have had; to be set where it is known.
            Whoever was slow because others had the processor too would otherwise wait for that once more.
    """

    is_crowded: bool
    usual: Usual = field(default_factory=Usual)


@dataclass
class _Waiting:
    visitor: str
    called: threading.Event = field(default_factory=threading.Event)


class Turns:
    """Turns of many threads at one thing, fair to visitors and not to threads.

    What a visitor has had halves every ten seconds. So long jobs share alike, and a small one, such as a picture of a
    few steps, comes next whenever it asks, however many long jobs there are.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        """`clock` tells the time in seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._is_taken = False
        self._taken_since = math.inf
        self._had: dict[str, tuple[float, float]] = {}  # seconds, and when this was noted

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """A turn for the current visitor, as soon as it comes."""
        waiting, began = _Waiting(visitor.get()), self._clock()
        with self._lock:
            must_wait, self._is_taken = self._is_taken, True
            if must_wait:
                self._waiting.append(waiting)
        if must_wait:
            self._wait(waiting)
            seconds_waited.get([]).append(self._clock() - began)
        started = self._taken_since = self._clock()
        turn = Turn(any(other.visitor != waiting.visitor for other in tuple(self._waiting)))
        try:
            yield turn
        finally:
            with self._lock:
                self._note(waiting.visitor, turn.usual.after(self._clock() - started))
                self._taken_since = math.inf
                self._call_next()

    def seconds_taken(self) -> float:
        """How long the turn under way has lasted, 0 if there is none. To be asked without waiting."""
        return max(0.0, self._clock() - self._taken_since)

    def _wait(self, waiting: _Waiting) -> None:
        try:
            waiting.called.wait()
        except BaseException:  # Ctrl-C: nobody shall wait for one who has left
            with self._lock:
                if waiting.called.is_set():
                    self._call_next()
                else:
                    self._waiting.remove(waiting)
            raise

    def _call_next(self) -> None:
        if not self._waiting:
            self._is_taken = False
            return
        first = min(self._waiting, key=lambda waiting: self._seconds_had(waiting.visitor))  # of equals the longest here
        self._waiting.remove(first)
        first.called.set()

    def _seconds_had(self, who: str) -> float:
        seconds, noted = self._had.get(who, (0.0, 0.0))
        return seconds * math.exp2((noted - self._clock()) / SECONDS_TO_HALF)

    def _note(self, who: str, seconds: float) -> None:
        had = self._seconds_had(who) + seconds
        forgotten = [one for one in itertools.islice(self._had, 2) if self._seconds_had(one) < NEGLIGIBLE]
        for one in [*forgotten, who]:
            self._had.pop(one, None)
        self._had[who] = (had, self._clock())  # the last to have had a turn comes last
