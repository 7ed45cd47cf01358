"""What chats, search engines and browsers show of the page before it is open: title, description, picture and icon.

Robots of chats run no scripts and read no more than the beginning, so all of it is at the top of the first HTML, in
place of what Gradio says of itself there. That HTML has all of the page in it, and goes out compressed.
"""

import gzip
import html
import io
import re
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ddim.ui import beside

TITLE = "DDIM playground"
DESCRIPTION = "Watch flowers form out of noise, walk between them, compare samplers, and train a model of your own."
ALT_TEXT = "Sixteen small flowers, made out of noise by a diffusion model"
ICON = Path(__file__).with_name("icon.svg")
SIDE = 1024

OF_GRADIO = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')
ROOT = re.compile(rb'const root = "([^"]*)"')
# At the end of all that: browsers are to fetch it while they read the rest.
SCRIPT = re.compile(rb'<script type="module" crossorigin src="([^"]+)"')


@cache
def picture(sheet: Path) -> bytes:
    """A sheet of flowers as a PNG, large enough for a card."""
    stream = io.BytesIO()
    with Image.open(sheet) as opened:
        opened.resize((SIDE, SIDE), Image.Resampling.NEAREST).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def head(root: str) -> str:
    """What stands in the head of the page at this address; pictures of cards must have whole addresses."""
    card = {"title": TITLE, "description": DESCRIPTION}
    of_graph = {"type": "website", "url": f"{root}/"}
    if beside.first_sheet():
        card |= {"image": f"{root}{ROUTE.path}", "image:alt": ALT_TEXT}
        of_graph |= {"image:width": str(SIDE), "image:height": str(SIDE)}
    lines = [f"<title>{TITLE}</title>", '<link rel="icon" href="favicon.ico" type="image/svg+xml">']
    tags = [("name", "description", DESCRIPTION), ("name", "twitter:card", "summary_large_image")]
    tags += [("property", f"og:{name}", value) for name, value in {**card, **of_graph}.items()]
    tags += [("name", f"twitter:{name}", value) for name, value in card.items()]
    lines += [f'<meta {kind}="{name}" content="{html.escape(value)}">' for kind, name, value in tags]
    return "\n".join(lines)


def shown(app: Any) -> Callable[..., Awaitable[None]]:
    """ASGI middleware: the head of the page is our own."""

    async def pass_on(scope: Any, receive: Any, send: Any) -> None:
        start: Any = None
        body = b""

        async def send_with_head(message: Any) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_page(message):
                start = message
                return
            if start is None or message["type"] != "http.response.body":
                await send(message)
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            body, headers = _with_own_head(body), MutableHeaders(scope=start)
            headers.add_vary_header("Accept-Encoding")
            if is_compressed and "content-encoding" not in headers:
                body = gzip.compress(body, compresslevel=5)
                headers["Content-Encoding"] = "gzip"
            headers["Content-Length"] = str(len(body))
            await send(start)
            await send({"type": "http.response.body", "body": body})

        is_read = scope["type"] == "http" and scope["method"] == "GET"
        is_compressed = is_read and "gzip" in Headers(scope=scope).get("accept-encoding", "")
        await app(scope, receive, send_with_head if is_read else send)

    return pass_on


def _is_page(start: Any) -> bool:
    return MutableHeaders(scope=start).get("content-type", "").startswith("text/html")


def _with_own_head(page: bytes) -> bytes:
    if not (root := ROOT.search(page)):  # some other page
        return page
    lines = [head(root[1].decode())]
    lines += [f'<link rel="modulepreload" crossorigin href="{name.decode()}">' for name in SCRIPT.findall(page)]
    return OF_GRADIO.sub(b"", page).replace(b"<script", "\n".join([*lines, "<script"]).encode(), 1)


async def _send_picture(request: Request) -> Response:
    sheet = beside.first_sheet()
    if sheet is None:
        raise HTTPException(404)
    return Response(picture(sheet), media_type="image/png", headers={"Cache-Control": "max-age=86400"})


ROUTE = Route("/card.png", _send_picture)
