"""How the page looks, and is used by keys and by ear: theme, style sheet, header, scripts."""

from pathlib import Path
from typing import Any

import gradio as gr

from ddim.ui.card import TITLE

HEADER = f"""
<header class="page-header">
  <h1>{TITLE}</h1>
  <p>Flowers out of noise, with a denoising diffusion implicit model</p>
</header>
"""

THEME = gr.themes.Soft(
    primary_hue="pink",
    secondary_hue="pink",
    neutral_hue="stone",
    spacing_size="md",
    radius_size="md",
    font=(gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "ui-sans-serif", "system-ui", "sans-serif"),
).set(
    body_background_fill="*neutral_50",
    body_background_fill_dark="*neutral_950",
    block_background_fill="white",
    block_background_fill_dark="*neutral_900",
    block_label_background_fill="transparent",
    block_label_background_fill_dark="transparent",
    block_label_text_color="*neutral_600",
    block_label_text_color_dark="*neutral_300",
    block_label_text_size="*text_sm",
    block_title_background_fill="transparent",
    block_title_background_fill_dark="transparent",
    block_title_padding="0",
    block_title_text_color="*neutral_700",
    block_title_text_color_dark="*neutral_200",
    block_title_text_weight="500",
    body_text_color_subdued="*neutral_500",
    block_info_text_color="*neutral_500",
    block_info_text_color_dark="*neutral_400",
    block_shadow="none",
    block_border_width="1px",
    block_border_color="*neutral_200",
    block_border_color_dark="*neutral_800",
    input_background_fill="*neutral_50",
    input_background_fill_dark="*neutral_800",
    input_border_color="*neutral_200",
    input_border_color_dark="*neutral_700",
    input_shadow="none",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_600",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_600",
    button_primary_shadow="none",
    button_primary_shadow_hover="none",
    button_secondary_background_fill="*neutral_100",
    button_secondary_background_fill_hover="*neutral_200",
    button_secondary_background_fill_dark="*neutral_800",
    button_secondary_background_fill_hover_dark="*neutral_700",
    button_secondary_shadow="none",
    button_secondary_shadow_hover="none",
    button_cancel_background_fill="*neutral_200",
    button_cancel_background_fill_hover="*neutral_300",
    button_cancel_background_fill_dark="*neutral_700",
    button_cancel_background_fill_hover_dark="*neutral_600",
    button_cancel_text_color_dark="white",
    checkbox_label_background_fill_selected="*primary_700",
    checkbox_label_background_fill_selected_dark="*primary_700",
    slider_color="*primary_600",
    slider_color_dark="*primary_600",
    checkbox_border_color="*neutral_400",
    checkbox_border_color_dark="*neutral_500",
    loader_color="*primary_600",
)

STYLE, OUTSIDE = Path(__file__).with_name("page.css"), "outside.css"

SCRIPTS = ("watching.js", "keyboard.js", "aria.js", "gallery.js", "showing.js", "history.js", "dropping.js")
"""In the head, since what is on the page calls some of them, and all call the first; each keeps its names to itself."""


def head() -> str:
    """The scripts of the page, and the style of what they add to it, as HTML."""
    outside, *texts = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in (OUTSIDE, *SCRIPTS))
    return "\n".join([f"<style>{outside}</style>", *(f"<script>(() => {{\n{text}}})();</script>" for text in texts)])


LOOKS: dict[str, Any] = {
    "theme": THEME,
    "css_paths": STYLE,
    "head": head(),
    "footer_links": ["api"],
    "mcp_server": False,
}
"""Options of gr.Blocks.launch."""
