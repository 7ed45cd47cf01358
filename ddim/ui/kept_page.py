"""The page's HTML, made once for each address by which it is seen.

Gradio makes it anew for each visitor, which takes a twentieth of a second in which nobody else is served.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import Headers, QueryParams

PLACES = 16
# All that Gradio reads of a request for the page, but for who has logged in and links of its own.
TELLING = ("host", "x-forwarded-host", "x-forwarded-proto", "x-gradio-server")
OF_GRADIO = {"page", "deep_link", "all_endpoints"}


def kept(app: Any) -> Callable[..., Awaitable[None]]:
    """ASGI middleware: whoever asks for the page by the same address as another before gets the same answer."""
    answers: dict[Any, list[Any]] = {}

    async def pass_on(scope: Any, receive: Any, send: Any) -> None:
        place = _place(scope)
        if answer := answers.get(place):
            for message in map(_copied, answer):
                await send(message)
            return
        noted: list[Any] = []

        async def send_and_note(message: Any) -> None:
            noted.append(_copied(message))
            await send(message)

        await app(scope, receive, send_and_note if place else send)
        if place and noted and noted[0].get("status") == 200:
            if len(answers) == PLACES:
                answers.pop(next(iter(answers)))  # the oldest
            answers[place] = noted

    return pass_on


def _place(scope: Any) -> Any:
    """What the page depends on, if this asks for it: None for anything else, and for a page that needs a login."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != f"{scope.get('root_path', '')}/":
        return None
    gradio_app, headers = scope["app"], Headers(scope=scope)
    needs_login = gradio_app.auth is not None or gradio_app.auth_dependency is not None
    if needs_login or OF_GRADIO & QueryParams(scope["query_string"]).keys():
        return None
    is_compressed = "gzip" in headers.get("accept-encoding", "")
    server = tuple(scope.get("server") or ())
    return scope["scheme"], scope["path"], server, is_compressed, *(headers.get(name) for name in TELLING)


def _copied(message: Any) -> Any:
    """A message with headers of its own, to which others may add."""
    return message | {"headers": list(message["headers"])} if "headers" in message else message
