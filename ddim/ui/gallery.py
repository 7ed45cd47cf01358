"""Galleries: each picture with its seed below, and its recipe and its seed in the file that a visitor takes away."""

from collections.abc import Sequence

import gradio as gr


def lay_out(pictures: Sequence[tuple[str, str]], label: str, elem_classes: Sequence[str] = ()) -> gr.Gallery:
    """Lay out a gallery of `controls.captioned` pictures: to be enlarged by a click, and taken away one or all."""
    return gr.Gallery(
        pictures,
        label=label,
        show_label=False,
        format="png",
        object_fit="contain",
        buttons=["download", "download_all", "fullscreen"],
        interactive=False,
        elem_classes=["gallery", *elem_classes],
    )
