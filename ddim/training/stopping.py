"""How a run is asked to stop, in whatever it is doing: by Ctrl-C, by SIGTERM, or by a file in its folder."""

import signal
import threading
from _thread import interrupt_main
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from ddim.processes.member import ALONE, Member
from ddim.runs.folder import STOP

SECONDS_BETWEEN_LOOKS = 0.5


class StopNow(BaseException):
    """Raised wherever a run then stands, as it is asked to stop and there is nothing to save."""


@dataclass
class StopRequest:
    """What asked a run to stop, and whether it then stops wherever it stands.

    Attributes:
        asked_by: The signal that came first, or None. The file counts as SIGTERM.
        at_once: Whether a request raises StopNow. Otherwise it is only noted, for the run to see after its batch: while
            there is something to save, and while it is being saved, and always where several processes train: they
            have to stop after the same batch.
        member: This process among those.
    """

    asked_by: signal.Signals | None = None
    at_once: bool = False
    member: Member = ALONE

    def is_agreed(self) -> bool:
        """Whether any process of the run has been asked to stop, once each of them has called this."""
        if number := self.member.greatest(self.asked_by or 0):
            self.asked_by = signal.Signals(number)
        return bool(number)

    def stop_now(self) -> None:
        """Raise StopNow, unless other processes would wait for this one."""
        if self.member == ALONE:
            raise StopNow

    @contextmanager
    def heard_at_once(self) -> Iterator[None]:
        """Raise StopNow for a request that has come or comes meanwhile, except while `at_once` is set to False."""
        if self.asked_by:
            self.stop_now()
        self.at_once = True
        try:
            yield
        finally:
            self.at_once = False


@contextmanager
def stop_requests(run: Path, member: Member = ALONE) -> Iterator[StopRequest]:
    """Note requests to stop the run meanwhile, or raise StopNow, as StopRequest says.

    A second Ctrl-C ends the process as Ctrl-C does elsewhere. Of several processes, only one looks for the file.
    """
    request = StopRequest(member=member)

    def note(number: int, frame: FrameType | None) -> None:
        if request.asked_by is None:
            request.asked_by = signal.Signals(number)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if request.at_once:
                request.stop_now()

    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, note) for kind in kinds]
    try:
        with _watching(run / STOP) if member.writes else nullcontext():
            yield request
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


@contextmanager
def _watching(file: Path) -> Iterator[None]:
    file.unlink(missing_ok=True)
    is_over = threading.Event()
    watcher = threading.Thread(target=_watch_for_file, args=[file, is_over], daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()
        file.unlink(missing_ok=True)


def _watch_for_file(file: Path, is_over: threading.Event) -> None:
    """Pass the file on to the main thread as SIGTERM, which Windows would not deliver."""
    while not is_over.wait(SECONDS_BETWEEN_LOOKS):
        if file.exists():
            if hasattr(signal, "pthread_kill"):  # unlike the other, it wakes whoever waits
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            else:
                interrupt_main(signal.SIGTERM)
            return
