"""Charts of training runs, drawn in the browser: smoothed at will, told by number at the pointer, each run switched on
and off by its name.
"""

from pathlib import Path

import gradio as gr

TEMPLATE = """
<div class="controls" hidden>
  <div class="legend" role="group" aria-label="Runs in the charts"></div>
  <label>Smoothing <input type="range" class="smoothing" min="0" max="0.98" value="0" step="0.02"></label>
</div>
<div class="all"></div>
"""


def lay_out() -> gr.HTML:
    """Lay out the charts; their value is what `plots.charts` gives, or None."""
    return gr.HTML(
        html_template=TEMPLATE,
        js_on_load=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_classes="charts",
    )
