"""Galleries: each picture with its seed below, and its recipe and its seed in the file that a visitor takes away."""

from collections.abc import Sequence

import gradio as gr

# Gradio calls each "Thumbnail 3 of 16". What names a picture is its caption, which is in the grid alone.
HEAD = """
<script>
new MutationObserver(() => {
  for (const gallery of document.querySelectorAll(".gallery")) {
    const names = [...gallery.querySelectorAll(".caption-label")].map((one) => one.textContent.trim());
    for (const row of gallery.querySelectorAll(".grid-container, .thumbnails")) {
      for (const [place, thumbnail] of row.querySelectorAll(".thumbnail-item").entries()) {
        const isNamed = !names[place] || thumbnail.getAttribute("aria-label") === names[place];
        if (!isNamed) thumbnail.setAttribute("aria-label", names[place]);
      }
    }
  }
}).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-label"] });
</script>
"""


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
