"""The panel with which a visitor takes away what was made, as a file: its kind, its speed and its size."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from ddim.animation import ExportConfig
from ddim.ui import controls

KINDS = {
    ".gif": "GIF: plays everywhere, 256 colours",
    ".webp": "WebP: plays in browsers, lossless",
    ".mp4": "MP4: a video, for chats and slides",
    ".png": "PNG: all in one picture",
    ".zip": "ZIP: each frame as a PNG",
}
SECONDS_KEPT = 3600  # what was made, in the memory of the server
ENLARGEMENTS = [("Pixels stay square", "nearest"), ("Smooth, by Lanczos", "lanczos")]


class Export(NamedTuple):
    """The panel; its controls but the first are the fields of ExportConfig, in their order."""

    suffix: gr.Dropdown
    frames_per_second: gr.Slider
    hold_first: gr.Slider
    hold_last: gr.Slider
    repeat: gr.Checkbox
    enlargement: gr.Dropdown
    factor: gr.Slider
    make: gr.Button
    file: gr.File


def lay_out(default: ExportConfig, suffixes: tuple[str, ...] = tuple(KINDS), title: str = "Take it away") -> Export:
    with gr.Accordion(title, open=False):
        choices = [(KINDS[suffix], suffix) for suffix in suffixes]
        suffix = gr.Dropdown(choices, value=suffixes[0], label="Kind of file", filterable=False)
        factor = gr.Slider(1, 16, value=default.factor, step=1, label="Enlarged by", buttons=[])
        enlargement = gr.Dropdown(ENLARGEMENTS, value=default.enlargement, label="How to enlarge", filterable=False)
        with gr.Accordion("Playing", open=False):
            frames_per_second = gr.Slider(
                1, 50, value=default.frames_per_second, step=1, label="Frames a second", buttons=[]
            )
            hold_first, hold_last = (
                gr.Slider(0, 10, value=value, step=0.1, label=f"Seconds that the {name} frame stays", buttons=[])
                for name, value in (("first", default.hold_first), ("last", default.hold_last))
            )
            repeat = gr.Checkbox(default.repeat, label="Again and again (GIF, WebP)")
        make = gr.Button("Make the file")
        file = gr.File(label="File", visible=False, interactive=False)
    return Export(suffix, frames_per_second, hold_first, hold_last, repeat, enlargement, factor, make, file)


def wire(export: Export, made: gr.State | gr.Dropdown, save: Callable[[Any, Path, str, ExportConfig], Path]) -> None:
    """`save(made, folder, suffix, config)` writes what `made` holds into a folder and returns the file's path.

    `made` is a state, or a control whose value `save` checks by itself.
    """

    is_state = isinstance(made, gr.State)

    def make(made: Any, *choices: Any):
        with controls.errors_shown():
            if is_state and made is None:
                raise ValueError("There is nothing to take away: make pictures first. They are kept for an hour.")
            suffix, config = read_choices(*choices)
            with tempfile.TemporaryDirectory() as folder:
                path = save(made, Path(folder), suffix, config)
                yield gr.File(str(path), visible=True)  # the page has its own copy before the folder goes

    export.make.click(
        make,
        [made, *export[:7]],
        export.file,
        preprocess=is_state,  # all is checked here; a state is there only after Gradio's own checks
        show_progress="minimal",
        show_progress_on=export.make,
        concurrency_id="files",
        concurrency_limit=2,
        api_visibility="private",
    )


def read_choices(suffix: Any, *values: Any) -> tuple[str, ExportConfig]:
    """The kind of file, and the fields of ExportConfig in their order, as they arrive. Raises ValueError."""
    if suffix not in tuple(KINDS):
        raise ValueError(f"The kind of file must be one of {', '.join(KINDS)}, but is {suffix!r}.")
    return suffix, ExportConfig(*values)
