"""How it works: a tour of the inside of a step in four stops, which shows them on the film that is there."""

from pathlib import Path

import gradio as gr

TEMPLATE = """
<button type="button" class="begin">How it works, in four stops</button>
<section class="tour" aria-label="How it works" hidden>
  <h3></h3>
  <p aria-live="polite"></p>
  <div class="ways">
    <button type="button" class="back">Back</button>
    <button type="button" class="next">Next</button>
    <span>or the arrow keys</span>
    <button type="button" class="leave">Close</button>
  </div>
</section>
"""


def lay_out(player_id: str) -> gr.HTML:
    """Lay out the tour, which leads the player with this `elem_id` and marks what it tells of beside it.

    In the browser an event `how-it-works` on the document begins it if the body has `data-how-it-works`, with a film
    of what the tab's settings are then.
    """
    return gr.HTML(
        html_template=TEMPLATE,
        js_on_load=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
        player_id=player_id,
        apply_default_css=False,
        elem_classes="tour-of-a-step",
    )
