"""A film in the page: played, dragged and stepped through in the browser, which asks the server for nothing more."""

from mimetypes import guess_type
from typing import Any

import gradio as gr
import numpy as np
from gradio import FileData
from PIL import Image

from ddim.errors import UserError
from ddim.media.animation import MAX_SHEET_SIDE, ExportConfig
from ddim.media.images import grid
from ddim.ui import component
from ddim.ui.gradio_cache import save_sheet

MAX_NOISE = 300_000  # bytes of pixels

TEMPLATE = """
<p class="no-film">The film will play here.</p>
<figure class="film" hidden>
  <canvas role="img" width="1" height="1"></canvas>
  <figcaption>
    <button type="button" class="play" aria-label="Play"></button>
    <input type="range" class="position" min="0" max="0" value="0" step="1" aria-label="Position in the film">
    <span class="place" aria-hidden="true"></span>
    <select class="speed" aria-label="Speed">
      <option value="0.25">¼ ×</option>
      <option value="0.5">½ ×</option>
      <option value="1" selected>1 ×</option>
      <option value="2">2 ×</option>
      <option value="4">4 ×</option>
    </select>
  </figcaption>
</figure>
"""


def lay_out(elem_id: str | None = None) -> gr.HTML:
    """Lay out a player; its value is a `film`, a `still` of one still forming, or None.

    Its frames go by as a pointer is dragged across it. In the browser its element announces each frame that it shows
    by a bubbling event `film-frame` with `detail` {index, canvas, film}, where `film` is the value, and goes to the
    frame that an event `film-seek` with `detail` {index} asks for.
    """
    return component.lay_out(__file__, TEMPLATE, elem_id=elem_id, elem_classes="player")


def film(
    frames: np.ndarray, playing: ExportConfig, *, unit: str = "frame", alt_text: str, is_noisy: bool = False
) -> dict[str, Any]:
    """The value with which a player plays frames (F, H, W, 3) uint8 as a file of them would be played.

    `unit` is what a frame is called, `is_noisy` as in `sheet`. Raises UserError as `check_size` does.
    """
    check_size(*frames.shape[:3])
    told = {"num_frames": len(frames), "unit": unit, "alt_text": alt_text, "at": None}
    names = ("frames_per_second", "hold_first", "hold_last", "repeat")
    return {**sheet(frames, is_noisy), **told, **{name: getattr(playing, name) for name in names}}


def still(frame: np.ndarray, at: int, num_frames: int, *, unit: str = "frame", alt_text: str) -> dict[str, Any]:
    """The value with which a player shows frame (H, W, 3) uint8 number `at` of a film still forming."""
    return {**sheet(frame[None]), "num_frames": num_frames, "unit": unit, "alt_text": alt_text, "at": at}


def check_size(num_frames: int, height: int, width: int) -> None:
    """Raise UserError if this many frames of this height and width, in pixels, are more than browsers can show."""
    if num_frames > max_frames(height, width):
        raise UserError(f"{num_frames} frames of {width} x {height} pixels are more than a browser can play.")


def max_frames(height: int, width: int) -> int:
    """How many frames of this height and width, in pixels, browsers can show."""
    return (MAX_SHEET_SIDE // width) * (MAX_SHEET_SIDE // height)


def sheet(frames: np.ndarray, is_noisy: bool = False) -> dict[str, Any]:
    """Frames (F, H, W, 3) uint8 as one file, in as many columns as browsers can show.

    Noise is as large as its pixels, so many noisy frames are nearly what they are, not exactly. Gradio gives the file
    an address wherever the result is part of what a component is sent.
    """
    height, width = frames.shape[1:3]
    columns = min(len(frames), MAX_SHEET_SIDE // width)
    path = save_sheet(Image.fromarray(grid(frames, columns)), is_exact=not (is_noisy and frames.size > MAX_NOISE))
    sheet = FileData(path=path, mime_type=guess_type(path)[0]).model_dump()
    return {"sheet": sheet, "width": width, "height": height, "columns": columns}
