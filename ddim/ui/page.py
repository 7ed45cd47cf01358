"""How the page looks, and its keys: theme, style sheet, header, script."""

import gradio as gr

TITLE = "DDIM playground"

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
    font=(gr.themes.LocalFont("IBM Plex Sans"), "ui-sans-serif", "system-ui", "sans-serif"),
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
    button_secondary_shadow="none",
    button_secondary_shadow_hover="none",
    slider_color="*primary_600",
)

# The parts of a tab stand in a grid: on a wide page run button and settings left, pictures right; on a narrow one the
# run button and the pictures come first.
CSS = """
.gradio-container { max-width: 1440px !important; margin: 0 auto !important; }
.page-header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 0.9rem; padding: 0.25rem 0; }
.page-header h1 { font-size: 1.35rem; font-weight: 600; margin: 0; }
.page-header p { color: var(--body-text-color-subdued); margin: 0; }
.introduction { max-width: 75ch; }

.workbench {
  display: grid !important; gap: 1rem 1.5rem; align-items: start;
  grid-template: "run pictures" auto "settings pictures" 1fr / 22rem minmax(0, 1fr);
}
.workbench > .run { grid-area: run; }
.workbench > .settings { grid-area: settings; }
.workbench > .pictures { grid-area: pictures; }
.workbench > * { min-width: 0 !important; width: 100%; }
.run { position: sticky; top: 0.5rem; z-index: 5; }
@media (max-width: 900px) {
  .workbench { grid-template: "run" auto "pictures" auto "settings" auto / minmax(0, 1fr); }
}

.status { min-height: 1.6rem; color: var(--body-text-color-subdued); font-size: var(--text-sm); }
.status progress { width: 100%; height: 0.4rem; display: block; accent-color: var(--primary-600); }
.dice { min-width: 3rem !important; max-width: 3rem; font-size: 1.3rem; padding: 0 !important; }

/* Pictures of 64 pixels a side are meant to be seen as they are, not smoothed. */
.pictures img { image-rendering: pixelated; }
.live img { width: 100%; height: auto; object-fit: contain; }
.gallery { --columns: 1; max-width: max(20rem, calc(100vh - 12rem)); }
.gallery .grid-container { grid-template-columns: repeat(var(--columns), minmax(0, 1fr)) !important; gap: 0.4rem; }
/* As many columns as the contact sheets have. */
.gallery:has(.grid-container > :nth-child(2)) { --columns: 2; }
.gallery:has(.grid-container > :nth-child(5)) { --columns: 3; }
.gallery:has(.grid-container > :nth-child(10)) { --columns: 4; }
.gallery:has(.grid-container > :nth-child(17)) { --columns: 5; }
.gallery:has(.grid-container > :nth-child(26)) { --columns: 6; }
.gallery:has(.grid-container > :nth-child(37)) { --columns: 7; }
.gallery:has(.grid-container > :nth-child(50)) { --columns: 8; }
@media (max-width: 900px) {
  .gallery:has(.grid-container > :nth-child(17)) { --columns: 4; }
}
"""

# Ctrl+Enter runs and Esc stops what the visible tab has to run and to stop.
HEAD = """
<script>
document.addEventListener("keydown", (event) => {
  const runs = event.key === "Enter" && (event.ctrlKey || event.metaKey);
  const buttons = runs ? ".run-button" : event.key === "Escape" ? ".stop-button" : "#none";
  const button = [...document.querySelectorAll(buttons)].find((one) => one.checkVisibility() && !one.disabled);
  if (button) {
    event.preventDefault();
    button.click();
  }
});
</script>
"""
