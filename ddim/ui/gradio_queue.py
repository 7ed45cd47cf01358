"""Gradio's queue: a few places for each visitor, and none for those who do not wait for their answers.

Beside gradio_cache.py the only module that calls what Gradio's documentation does not promise.
"""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import gradio as gr
from gradio.queueing import Event, Queue
from starlette.middleware import Middleware

PLACES = 64
PLACES_OF_ONE = 8
SECONDS_TO_LISTEN = 5


def open_queue(demo: gr.Blocks) -> gr.Blocks:
    """Let every request that takes time wait its turn, in places of which each visitor has a few.

    When there is no room, requests of those who have not come for their answers make some. `LAUNCH` belongs to it.
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
    return demo


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


LAUNCH: dict[str, Any] = {"max_threads": 2 * PLACES, "app_kwargs": {"middleware": [Middleware(Listeners)]}}
"""Options of gr.Blocks.launch: threads for all who wait and for others, and who listens."""


def _session_of(scope: Any) -> str | None:
    """The session whose answers are asked for, by the page (/queue/data?session_hash=) or by hand (/call/NAME/ID)."""
    path = scope.get("path", "")
    if scope.get("method") != "GET":
        return None
    if path.endswith("/queue/data"):
        return next(iter(parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [])), None)
    return path.rpartition("/")[2] if "/call/" in path else None
