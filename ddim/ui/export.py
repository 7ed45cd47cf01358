"""The panel with which a visitor takes away what was made, as a file: its kind, its speed and its size."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from ddim.errors import UserError
from ddim.making.recipe import Recipe
from ddim.media.animation import ExportConfig, file_name, save_animation
from ddim.media.file_size import estimate_size, largest_factor
from ddim.ui.gradio_cache import new_folder
from ddim.ui.handlers import HIDDEN, PRIVATE, named

KINDS = {
    ".mp4": "MP4: a video, for chats and slides",
    ".gif": "GIF: plays everywhere, 256 colours",
    ".webp": "WebP: plays in browsers",
    ".png": "PNG: all in one picture",
    ".zip": "ZIP: each frame as a PNG",
}
MAX_BYTES = 5_000_000  # what chats take: a file is enlarged no further unless a visitor wants to
MARGIN = 0.9  # how large is guessed
SECONDS_KEPT = 3600  # what was made, in the memory of the server
# In the browser, so that nobody asks for what nobody sees: where this fails, `success` does not follow.
GO_ON_IF_OPEN = """() => {
    if (!document.querySelector("#%s > .label-wrap.open")) throw new Error("The panel is closed.");
}"""
ENLARGEMENTS = [("Pixels stay square", "nearest"), ("Smooth, by Lanczos", "lanczos")]


class Export(NamedTuple):
    """The panel: the kind of file, a control for each field of ExportConfig by its name, about how large the file will
    be, and where it appears.
    """

    panel: gr.Accordion
    suffix: gr.Dropdown
    fields: Mapping[str, Any]
    size: gr.HTML
    make: gr.Button
    file: gr.File


@dataclass(frozen=True, eq=False)  # at each event Gradio asks whether it is still the same
class Made:
    """Finished pictures (F, H, W, 3) uint8, what makes them again, and what makes each of them."""

    frames: np.ndarray
    recipe: Recipe
    frame_recipes: list[Recipe]


def lay_out(default: ExportConfig, suffixes: tuple[str, ...] = tuple(KINDS), title: str = "Export") -> Export:
    """Lay out the panel for these kinds of files."""
    fields: dict[str, Any] = {}
    with gr.Accordion(title, open=False) as panel:
        panel.elem_id = f"export-{panel._id}"
        choices = [(KINDS[suffix], suffix) for suffix in suffixes]
        suffix = gr.Dropdown(choices, value=suffixes[0], label="Kind of file", filterable=False)
        fields["factor"] = gr.Slider(1, 16, value=default.factor, step=1, label="Enlarged by", buttons=[])
        fields["enlargement"] = gr.Dropdown(
            ENLARGEMENTS, value=default.enlargement, label="How to enlarge", filterable=False
        )
        fields["lossless"] = gr.Checkbox(
            label="Lossless (WebP): every pixel as it is, three times as large", visible=".webp" in suffixes
        )
        with gr.Accordion("Playing", open=False):
            fields["frames_per_second"] = gr.Slider(
                1, 50, value=default.frames_per_second, step=1, label="Frames a second", buttons=[]
            )
            for name in ("first", "last"):
                seconds, label = getattr(default, f"hold_{name}"), f"Seconds that the {name} frame stays"
                fields[f"hold_{name}"] = gr.Slider(0, 10, value=seconds, step=0.1, label=label, buttons=[])
            fields["repeat"] = gr.Checkbox(default.repeat, label="Again and again (GIF, WebP)")
        size = gr.HTML(elem_classes="file-size", padding=False)
        make = gr.Button("Make the file")
        file = gr.File(label="File", visible=False, interactive=False)
    return Export(panel, suffix, fields, size, make, file)


def wire(
    export: Export, made: gr.State | gr.Dropdown, save: Callable[[Any, Path, str, ExportConfig], Path] | None = None
) -> None:
    """`save(made, folder, suffix, config)` writes what `made` holds into a folder and returns the file's path.

    `made` is a state, with a Made unless `save` says otherwise, or a control whose value `save` checks by itself.
    """
    is_state, write = isinstance(made, gr.State), save or save_made

    def make(made: Any, suffix: Any, **choices: Any) -> gr.File:
        if is_state and made is None:
            raise UserError("There is nothing to take away yet: make pictures first. They are kept for an hour.")
        config = read_choices(suffix, **choices)
        return gr.File(str(write(made, new_folder(), suffix, config)), visible=True)

    inputs = {"made": made, "suffix": export.suffix, **export.fields}
    export.make.click(
        named(make, inputs),
        list(inputs.values()),
        export.file,
        preprocess=is_state,  # everything is checked here; a state is there only after Gradio's own checks
        show_progress="minimal",
        show_progress_on=export.make,
        concurrency_id="files",
        concurrency_limit=2,
        api_visibility="private",
    )
    if save is None:
        _wire_size(export, made)


def _wire_size(export: Export, made: gr.State | gr.Dropdown) -> None:
    """While the panel is open, tell about how large the file will be, and enlarge by no more than chats take."""
    factor = export.fields["factor"]
    most = factor.value

    def fit(made: Made | None, suffix: Any, **choices: Any) -> list[Any]:
        if made is None:
            return [gr.skip(), ""]
        config = replace(read_choices(suffix, **choices), factor=most)
        fitting, size = largest_factor(made.frames, suffix, config, int(MARGIN * MAX_BYTES))
        return [fitting, told(size)]

    def tell(made: Made | None, suffix: Any, **choices: Any) -> str:
        return told(estimate_size(made.frames, suffix, read_choices(suffix, **choices))) if made else ""

    options: dict[str, Any] = HIDDEN | {"trigger_mode": "always_last", "api_visibility": "private"}
    options |= {"concurrency_id": "files", "concurrency_limit": 2}
    inputs = {"made": made, "suffix": export.suffix, **export.fields}
    made_in_sight = made.change(None, None, None, js=GO_ON_IF_OPEN % export.panel.elem_id, **PRIVATE)
    export.panel.collapse(None, None, export.size, js="() => ''", **PRIVATE)  # it may be of something else by then
    for event in (export.panel.expand, made_in_sight.success, export.suffix.select):
        event(named(fit, inputs), list(inputs.values()), [factor, export.size], **options)
    for name in ("factor", "enlargement", "lossless"):
        export.fields[name].input(named(tell, inputs), list(inputs.values()), export.size, **options)


def told(size: int) -> str:
    """A size in bytes, as people say it: an estimate has no more than two digits."""
    return f"About {float(f'{size / 1e6:.2g}'):g} MB" if size >= 1e5 else "Less than 0.1 MB"


def read_choices(suffix: Any, **choices: Any) -> ExportConfig:
    """How to write a file of this kind, from the fields of ExportConfig as they arrive. Raises UserError."""
    if suffix not in tuple(KINDS):
        raise UserError(f"The kind of file must be one of {', '.join(KINDS)}, but is {suffix!r}.")
    return ExportConfig(**choices)


def save_made(made: Made, folder: Path, suffix: str, config: ExportConfig) -> Path:
    """Write what was made into `folder`, under a name that says what it is."""
    recipe = made.recipe
    path = folder / file_name(recipe.command, recipe.seeds, recipe.config.num_steps, suffix)
    frame_recipes = [of_frame.to_json() for of_frame in made.frame_recipes]
    save_animation(path, made.frames, config, recipe.to_json(), frame_recipes)
    return path
