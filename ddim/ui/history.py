"""A visitor's last results, kept by their browser alone: a small picture of each, and the address that makes it again.

A result is a function of its address, so nothing else has to be kept, least of all on the server.
"""

import gradio as gr

TEMPLATE = """
<p>Your last results</p><ol></ol>
<button type="button" class="forget">Forget all</button>
"""
SHOW = "window.playground.history.show(element, trigger)"


def lay_out() -> gr.HTML:
    """Lay out the list of results, which the browser fills.

    Its event `select` has the `address` that was chosen, and whether it is to be `as_stop` of a walk.
    """
    return gr.HTML(html_template=TEMPLATE, js_on_load=SHOW, apply_default_css=False, elem_classes="history")
