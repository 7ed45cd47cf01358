"""What can be asked from outside, without waiting: whether this app can make pictures."""

import sys
from concurrent.futures import Future

import gradio as gr
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import ddim
from ddim.errors import UserError
from ddim.model.engine import TURNS
from ddim.ui import gradio_queue, models

SECONDS_TO_ANSWER = 120  # for one batch, even of a large network that is compiled first

_first_weights: Future[str] = Future()  # the name of those that the page opens with, once they are loaded


def warm_up(runs_dir: str) -> None:
    """Load the weights that the page opens with, and note how that went."""
    try:
        _first_weights.set_result(models.warm_up(runs_dir))
    except (UserError, OSError) as error:  # whoever presses the button is told as well
        print(error, file=sys.stderr)
        _first_weights.set_exception(error)
    except BaseException as error:
        _first_weights.set_exception(error)
        raise


def route(demo: gr.Blocks) -> Route:
    """The address /healthz of this page."""

    async def healthz(request: Request) -> JSONResponse:  # not in a thread, of which visitors may have all
        engine = _standing()
        name = _first_weights.result() if _first_weights.done() and not _first_weights.exception() else None
        content = {"version": ddim.__version__, "weights": name, "engine": engine, "queue": gradio_queue.length(demo)}
        return JSONResponse(content, 200 if engine in ("loading", "ready") else 503)

    return Route("/healthz", healthz)


def _standing() -> str:
    if not _first_weights.done():
        return "loading"
    if _first_weights.exception():
        return "failed"
    return "ready" if TURNS.seconds_taken() < SECONDS_TO_ANSWER else "stuck"
