"""Components of our own: some HTML, and a script of the same name as the module, which makes it live in the browser."""

from pathlib import Path
from typing import Any

import gradio as gr


def lay_out(module: str, template: str, **options: Any) -> gr.HTML:
    """Lay out the component of the file `module`, whose script Gradio runs once, with `element`, `props` and more.

    `options` are those of gr.HTML, and any others for the script to find in `props`.
    """
    script = Path(module).with_suffix(".js").read_text(encoding="utf-8")
    return gr.HTML(html_template=template, js_on_load=script, apply_default_css=False, **options)
