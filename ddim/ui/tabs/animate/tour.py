"""How it works: a tour of the inside of a step in four stops, which shows them on the film that is there."""

import gradio as gr

from ddim.ui import component

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
    return component.lay_out(__file__, TEMPLATE, player_id=player_id, elem_classes="tour-of-a-step")
