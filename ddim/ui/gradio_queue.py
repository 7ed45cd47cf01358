"""Gradio's queue: a few places for each visitor, and none for those who do not wait for their answers; and its end.

Beside gradio_cache.py and gradio_assets.py the only module that calls what Gradio's documentation does not promise.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.queueing import Event, Queue
from gradio.server_messages import ProcessCompletedMessage
from gradio.tunneling import CURRENT_TUNNELS
from gradio.utils import error_payload
from starlette.middleware import Middleware

from ddim.model.turns import seconds_waited

PLACES = 128
PLACES_OF_ONE = 8
SECONDS_TO_LISTEN = 5
SECONDS_TO_TELL = 3

logger = logging.getLogger("ddim")


def open_queue(demo: gr.Blocks) -> gr.Blocks:
    """Let every request that takes time wait its turn, in places of which each visitor has a few.

    When there is no room, requests of those who have not come for their answers make some. MIDDLEWARE and
    MAX_THREADS belong to it.
    """
    demo.queue(api_open=False)
    queue: Queue = demo._queue
    push = queue.push

    async def admit(body: Any, request: Any, username: str | None) -> Any:
        if _count(queue, body.session_hash) >= PLACES_OF_ONE:
            return False, f"You have {PLACES_OF_ONE} requests running or waiting here: let one end first.", "queue_full"
        if _count(queue) >= PLACES:
            for session in {event.session_hash for event in _pending(queue) if not Listeners.listen_for(event)}:
                await queue.clean_events(session_hash=session)
        if _count(queue) >= PLACES:
            return False, f"{PLACES} requests are running or waiting here: try again in a minute.", "queue_full"
        return await push(body=body, request=request, username=username)

    queue.push = admit  # type: ignore[method-assign]
    queue.process_events = _logged(queue)  # type: ignore[method-assign]
    return demo


def _logged(queue: Queue) -> Callable[..., Any]:
    """How the queue works off a request, with a line in the log about it: what, how it ended, and what took how long.

    Waiting is done in the queue, and at the network for turns.
    """
    process_events = queue.process_events

    async def process(events: list[Event], batch: bool, begin_time: float, fn: BlockFunction) -> None:
        started = time.monotonic()
        waits: list[float] = []
        seconds_waited.set(waits)
        try:
            await process_events(events, batch, begin_time, fn)
        finally:
            worked = time.monotonic() - started - sum(waits)
            waited = started - events[0].enqueue_time + sum(waits)
            status = queue.event_analytics.get(events[0]._id, {}).get("status")
            logger.info("%s: %s, %.2f s of work, %.2f s of waiting", fn.api_name or fn.name, status, worked, waited)

    return process


def length(demo: gr.Blocks) -> int:
    """How many requests are running or waiting."""
    return _count(demo._queue)


def close(demo: gr.Blocks, loop: asyncio.AbstractEventLoop, sentence: str) -> None:
    """Stop serving, and tell those whose requests run or wait this sentence first. `loop` is that of the server."""
    queue, output = demo._queue, error_payload(gr.Error(sentence), show_error=False)

    def tell() -> None:
        for session, events in queue.pending_event_ids_session.items():
            if messages := queue.pending_messages_per_session.get(session):
                for event in events:
                    answer = ProcessCompletedMessage(output=output, success=False, title="Error", event_id=event)
                    messages.put_nowait(answer)

    loop.call_soon_threadsafe(tell)
    deadline = time.monotonic() + SECONDS_TO_TELL
    while Listeners.open_streams and time.monotonic() < deadline:
        time.sleep(0.05)
    demo.close(verbose=False)
    for tunnel in CURRENT_TUNNELS:  # of --share
        tunnel.kill()


def _pending(queue: Queue) -> Iterator[Event]:
    for event_queue in queue.event_queue_per_concurrency_id.values():
        yield from event_queue.queue
    for job in queue.active_jobs:
        yield from (event for event in job or () if event.alive)


def _count(queue: Queue, session: str | None = None) -> int:
    return sum(session in (None, event.session_hash) for event in _pending(queue))


class Listeners:
    """ASGI middleware that knows which sessions have a stream of answers open."""

    open_streams: Counter[str] = Counter()

    def __init__(self, app: Any):
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the call on, and count it while it lasts if it is such a stream."""
        session = _session_of(scope)
        if session is None:
            await self.app(scope, receive, send)
            return
        self.open_streams[session] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.open_streams[session] -= 1
            if not self.open_streams[session]:
                del self.open_streams[session]

    @classmethod
    def listen_for(cls, event: Event) -> bool:
        """Whether somebody waits for the answer, or has only just asked."""
        return event.session_hash in cls.open_streams or time.monotonic() - event.enqueue_time < SECONDS_TO_LISTEN


MIDDLEWARE = [Middleware(Listeners)]
MAX_THREADS = 2 * PLACES  # for all who wait and for others


def _session_of(scope: Any) -> str | None:
    """The session whose answers are asked for, by the page (/queue/data?session_hash=) or by hand (/call/NAME/ID)."""
    path = scope.get("path", "")
    if scope.get("method") != "GET":
        return None
    if path.endswith("/queue/data"):
        return next(iter(parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [])), None)
    return path.rpartition("/")[2] if "/call/" in path else None
