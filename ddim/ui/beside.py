"""What ships beside the weights and browsers fetch for themselves: sheets of species, films of how pictures form."""

import zlib
from pathlib import Path
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from ddim.making import forming
from ddim.model.weights import WEIGHTS_DIR, available

FORMING = forming.SUFFIX
# One picture of each class beside the weights, in alphabetical order: `python -m ddim sample --each-class` makes it.
SPECIES = ".classes.png"
SHEET = ".png"  # with which the page begins, and which is in it
A_YEAR = "public, max-age=31536000, immutable"


def address_of(weights: str, suffix: str) -> str | None:
    """Where a browser finds FORMING or SPECIES of shipped weights, from the address of the page; None without a file.

    The file has another address when it is another file, so browsers may keep it.
    """
    path = _shipped().get(f"{weights}{suffix}")
    return f"beside/{quote(path.name)}?{_version(path)}" if path else None


def first_sheet() -> Path | None:
    """The sheet of pictures of the shipped weights that the page opens with, if they have one."""
    sheets = [WEIGHTS_DIR / f"{name}{SHEET}" for name in available()[:1]]
    return next((sheet for sheet in sheets if sheet.is_file()), None)


async def _send(request: Request) -> Response:
    path = _shipped().get(request.path_params["file"])
    if path is None:
        raise HTTPException(404)
    is_named = request.url.query == _version(path)
    media_type = f"image/{path.suffix.removeprefix('.')}"
    return FileResponse(path, media_type=media_type, headers={"Cache-Control": A_YEAR if is_named else "no-cache"})


def _shipped() -> dict[str, Path]:
    """All files that may be fetched, by their names."""
    return {path.name: path for suffix in (FORMING, SPECIES) for path in WEIGHTS_DIR.glob(f"*{suffix}")}


def _version(path: Path) -> str:
    return f"{zlib.crc32(path.read_bytes()):08x}"


ROUTE = Route("/beside/{file}", _send)
