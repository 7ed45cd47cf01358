"""Where pictures form and then stay: noisy ones, guesses and finished ones take turns in one place of one size."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr
from gradio import FileData

from ddim.diffusion.sampling import Step
from ddim.media.images import default_columns
from ddim.ui import component, gallery, live_view

TEMPLATE = """
<div class="stage-bar">
  <div class="shown" role="radiogroup" aria-label="Pictures to show">
    <label><input type="radio" name="shown" value="noisy">Noisy</label>
    <label><input type="radio" name="shown" value="guess">Guess</label>
    <label><input type="radio" name="shown" value="both">Side by side</label>
    <label><input type="radio" name="shown" value="finished" checked>Finished</label>
  </div>
  <label class="smooth"><input type="checkbox">Smooth</label>
</div>
<div class="live views">
  <div class="view noisy" role="img" aria-label="The pictures at this step, with the noise that is left in them"></div>
  <div class="view guess" role="img" aria-label="What the network sees in the noisy pictures at this step"></div>
</div>
"""


class Stage(NamedTuple):
    """The finished pictures, and above them in the same place those that form."""

    gallery: gr.Gallery
    forming: gr.HTML


def lay_out(first_pictures: list[tuple[str, str]], opening: dict[str, Any] | None) -> Stage:
    """Lay out the stage with these finished pictures, which at first form as the film of `opening` has it, if any.

    The value of `forming` is `forming` of a step, or None.
    """
    with gr.Column(elem_classes="stage"):
        forming = component.lay_out(__file__, TEMPLATE, opening=opening, elem_classes="forming")
        pictures = gallery.lay_out(first_pictures, "Pictures")
    return Stage(pictures, forming)


def forming(step: Step, seeds: Sequence[int], is_last: bool) -> dict[str, Any]:
    """The value that shows the pictures of a step, which have these seeds; after the last, the finished ones show."""
    sheets = {"noisy": step.noisy_images, "guess": step.pred_images}
    files = {name: FileData(path=live_view.sheet_of(images), mime_type="image/png") for name, images in sheets.items()}
    return {
        "seeds": [int(seed) for seed in seeds],
        "columns": default_columns(len(seeds)),
        "forms": not is_last,
        **{name: file.model_dump() for name, file in files.items()},
    }
