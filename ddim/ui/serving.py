"""The page is served, watched from outside, and ended so that nobody is left waiting."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import gradio as gr
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ddim.runs.archives import MAX_PICTURES_BYTES
from ddim.runs.process import training_refusal
from ddim.ui import beside, card, edge, gradio_assets, gradio_cache, gradio_queue, health, kept_page, page, sweeping

LOG_LEVELS = ("debug", "info", "warning", "error")
FAREWELL = "This app is being shut down: try again when it is back."
MAX_FILM_BYTES = 512 << 20  # no film that the page makes is larger


def launch(demo: gr.Blocks, **options: Any) -> None:
    """Serve the page and return; `options` are those of gr.Blocks.launch."""
    demo.launch(
        prevent_thread_lock=True,
        run_history=False,
        favicon_path=card.ICON,
        max_threads=gradio_queue.MAX_THREADS,
        max_file_size=max_file_size(),
        app_kwargs={
            "routes": [health.route(demo), gradio_assets.ROUTE, card.ROUTE, beside.ROUTE],
            "middleware": [
                Middleware(_without_sniffing),
                Middleware(kept_page.kept),
                Middleware(card.shown),
                *gradio_queue.MIDDLEWARE,
            ],
            "exception_handlers": {OSError: _refuse},
            "lifespan": _remember_loop,
        },
        **page.LOOKS,
        **options,
    )


def serve(build: Callable[[str], gr.Blocks], runs_dir: str, **options: Any) -> NoReturn:
    """Build the page, serve it until Ctrl-C or SIGTERM, and end the process."""
    signals: list[int] = []

    def note(number: int, frame: Any) -> None:
        signals.append(number)
        signal.signal(number, signal.SIG_DFL)  # a second one ends at once

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    with gradio_cache.own_folder() as folder:
        demo = build(runs_dir)
        launch(demo, **options)
        gc.freeze()  # what is there by now stays
        gc.enable()
        sweeping.start(folder, gradio_cache.laid_out_files(demo))
        # TensorFlow takes seconds to start: meanwhile the page is there already.
        threading.Thread(target=health.warm_up, args=[runs_dir], daemon=True).start()
        while not signals:
            time.sleep(0.2)
        end(demo)
    sys.stdout.flush()
    logging.shutdown()
    # At the usual end of Python, TensorFlow would crash in whatever its threads are doing, be it its import.
    os._exit(128 + signals[0])


def max_file_size() -> int:
    """How many bytes an upload may have: a ZIP to learn from has more than a film of this page that comes back."""
    return MAX_FILM_BYTES if training_refusal() else MAX_PICTURES_BYTES


def end(demo: gr.Blocks) -> None:
    """Stop serving; whoever waits for something is told."""
    gradio_queue.close(demo, demo.server_app.state.loop, FAREWELL)


def log_to_stderr(level: str) -> None:
    """Write what this app has to say from this level on, one of LOG_LEVELS, as lines with a time."""
    # Not by way of sys.stderr, which is held back while TensorFlow is imported, and lost if the app ends meanwhile.
    handler = logging.StreamHandler(os.fdopen(os.dup(2), "w", encoding="utf-8"))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("ddim")
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    logger.propagate = False  # or TensorFlow's own logging would write each line once more


@asynccontextmanager
async def _remember_loop(app: Any) -> AsyncIterator[None]:
    app.state.loop = asyncio.get_running_loop()
    yield


async def _refuse(request: Request, error: Exception) -> Response:
    """An upload for which there is no room is refused in a sentence; anything else is a bug."""
    if not edge.is_full_disk(error):
        raise error
    return PlainTextResponse(edge.DISK_IS_FULL, 507)


def _without_sniffing(app: Any) -> Callable[..., Awaitable[None]]:
    """ASGI middleware: browsers take each answer for what it says it is, and never for what it looks like."""

    async def pass_on(scope: Any, receive: Any, send: Any) -> None:
        async def send_with_header(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await app(scope, receive, send_with_header)

    return pass_on
