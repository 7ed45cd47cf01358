"""Gradio's scripts and style sheets, a hundred of them to a visit: compressed once, and kept by browsers.

Gradio compresses each anew for each visitor, who may keep none of them without asking whether it is still the same.
"""

import gzip
from functools import cache
from pathlib import Path

from gradio.routes import BUILD_PATH_LIB
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from ddim.ui.beside import A_YEAR

MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}


@cache
def compressed(path: Path) -> bytes:
    """A file of Gradio's as it goes out, which is made when it is first asked for."""
    return gzip.compress(path.read_bytes())


async def _send(request: Request) -> Response:
    path = _files().get(request.path_params["file"])
    if path is None:
        raise HTTPException(404)
    media_type = MEDIA_TYPES.get(path.suffix)
    headers = {"Cache-Control": A_YEAR, "Vary": "Accept-Encoding"}  # its name holds a checksum of what is in it
    if media_type and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(compressed(path), media_type=media_type, headers=headers | {"Content-Encoding": "gzip"})
    return FileResponse(path, media_type=media_type, headers=headers)


@cache
def _files() -> dict[str, Path]:
    return {path.name: path for path in Path(BUILD_PATH_LIB).iterdir()}


ROUTE = Route("/assets/{file}", _send)
