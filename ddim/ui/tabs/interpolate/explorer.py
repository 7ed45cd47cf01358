"""The plane explored: as the visitor drags or presses arrow keys, the browser blends the pictures of the sheet there,
and the server adds one of few steps now and then.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np

from ddim.diffusion.sampling import FEW_STEPS, SampleConfig
from ddim.making.recipe import Recipe
from ddim.media.images import data_address
from ddim.ui import component
from ddim.ui.export import Made

TEMPLATE = """
<div class="surface" hidden>
  <span class="ring" role="slider" tabindex="0" aria-roledescription="point of the plane"
    aria-label="Point of the plane: the arrow keys move it" aria-valuemin="0" aria-valuemax="1" aria-valuenow="0.5">
  </span>
</div>
<figure class="blend" hidden><figcaption></figcaption><canvas aria-hidden="true"></canvas></figure>
"""
DRAFT_STEPS = 4

# Between the explorer and the sliders of its coordinates, in the browser.
COORDINATES = "(explored) => [explored.across, explored.down]"
FOLLOW = "(explored, across, down) => explored && {...explored, across, down, is_exact: false, ring: true}"


def lay_out() -> gr.HTML:
    """Lay out the surface over the sheet, with its ring, and the blended picture.

    The event `input` says, a few times a second, that the ring has moved, and `select` that it has been let go.
    """
    return component.lay_out(__file__, TEMPLATE, elem_classes="plane-explorer")


def explored(made: Made | None, told: Mapping[str, Any]) -> dict[str, Any] | None:
    """The value of an explorer of the plane that was made, when the point of the recipe `told` is shown beside it.

    It has a ring if that is a point of this plane.
    """
    point = Recipe.from_json(told)
    if not (made and point.place):
        return None
    across, down = point.place.coordinates
    own = made.recipe
    is_of_plane = (
        list(point.place.seeds) == list(own.seeds)
        and list(point.place.class_names) == list(own.class_names)
        and (point.weights, point.config) == (own.weights, own.config)
    )
    return {"size": own.size, "across": across, "down": down, "is_exact": True, "ring": is_of_plane}


def draft_config(config: SampleConfig) -> SampleConfig:
    """How to sample a picture that is there for a moment: in few steps, with the solver that needs the fewest."""
    if config.nfe <= DRAFT_STEPS:
        return config
    solver, node_placement = FEW_STEPS.solver, FEW_STEPS.node_placement
    return replace(config, num_steps=DRAFT_STEPS, solver=solver, node_placement=node_placement)


def draft_of(image: np.ndarray, across: float, down: float) -> str:
    """A picture (H, W, 3) uint8 at a point as HTML, inside the page: a file would take one more question."""
    return f'<img alt="" src="{data_address(image)}" data-across="{across}" data-down="{down}">'
