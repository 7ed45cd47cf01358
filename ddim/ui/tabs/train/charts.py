"""Charts of training runs, drawn in the browser: smoothed at will, told by number at the pointer, each run switched on
and off by its name.
"""

import gradio as gr

from ddim.ui import component

TEMPLATE = """
<div class="controls" hidden>
  <div class="legend" role="group" aria-label="Runs in the charts"></div>
  <label>Smoothing <input type="range" class="smoothing" min="0" max="0.98" value="0" step="0.02"></label>
</div>
<div class="all"></div>
"""


def lay_out() -> gr.HTML:
    """Lay out the charts; their value is what `plots.charts` gives, or None."""
    return component.lay_out(__file__, TEMPLATE, elem_classes="charts")
