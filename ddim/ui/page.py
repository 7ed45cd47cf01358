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
    button_secondary_shadow="none",
    button_secondary_shadow_hover="none",
    button_cancel_background_fill="*neutral_200",
    button_cancel_background_fill_hover="*neutral_300",
    button_cancel_background_fill_dark="*neutral_700",
    button_cancel_background_fill_hover_dark="*neutral_600",
    button_cancel_text_color_dark="white",
    slider_color="*primary_600",
    slider_color_dark="*primary_600",
    checkbox_border_color="*neutral_400",
    checkbox_border_color_dark="*neutral_500",
    loader_color="*primary_600",
)

# The parts of a tab stand in a grid: on a wide page run button and settings left, pictures right, and how to make them
# again beside or below; on a narrow page the run button and the pictures come first.
CSS = """
.gradio-container { width: 100% !important; max-width: 1500px !important; margin: 0 auto !important; }
.page-header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 0.9rem; }
.page-header h1 { font-size: 1.35rem; font-weight: 700; margin: 0; }
.page-header p { color: var(--body-text-color-subdued); margin: 0; }
.introduction { max-width: 85ch; }

.workbench {
  display: grid !important; gap: 0.75rem 1.75rem; align-items: start;
  grid-template: "run pictures again" auto "settings pictures again" 1fr / 21rem minmax(0, 1fr) 21rem;
}
.workbench > .run { grid-area: run; gap: 0.4rem; }
.workbench > .settings { grid-area: settings; }
.workbench > .pictures { grid-area: pictures; }
.workbench > .again { grid-area: again; }
.workbench > .column { min-width: 0 !important; width: 100%; }
@media (max-width: 1300px) {
  .workbench {
    grid-template: "run pictures" auto "settings pictures" auto "settings again" 1fr / 21rem minmax(0, 1fr);
  }
}
@media (max-width: 900px) {
  .workbench { grid-template: "run" auto "pictures" auto "settings" auto "again" auto / minmax(0, 1fr); }
}

.html-container:has(.page-header), .status .html-container { padding: 0; }
.status .prose { min-height: 2.6rem; color: var(--body-text-color-subdued); font-size: var(--text-sm); }
.status progress {
  appearance: none; display: block; width: 100%; height: 0.35rem; margin-top: 0.35rem;
  border: 0; border-radius: 1rem; overflow: hidden; background: var(--border-color-primary);
}
.status progress::-webkit-progress-bar { background: var(--border-color-primary); }
.status progress::-webkit-progress-value { background: var(--primary-600); }
.status progress::-moz-progress-bar { background: var(--primary-600); }

.seed { flex-wrap: nowrap !important; align-items: flex-end !important; background: var(--block-background-fill); }
.seed .block { border: 0; }
.dice {
  flex: none !important; min-width: 0 !important; width: 2.6rem !important; height: 2.6rem; padding: 0;
  margin: 0 var(--spacing-xl) var(--spacing-xl) 0; font-size: 1.6rem; line-height: 1;
  border: 1px solid var(--input-border-color);
}
.dark input[type="range"] { --neutral-200: var(--neutral-700); }

/* Pictures of 64 pixels a side are meant to be seen as they are, not smoothed. */
.pictures img { image-rendering: pixelated; }
.samples img { width: 100% !important; height: auto !important; max-height: none !important; aspect-ratio: 2; }
.live { flex-wrap: nowrap !important; }
.live > .block { min-width: 0 !important; }
.live label { position: static !important; border: 0; background: none; }
.live .image-frame { width: 100%; }
.live img { width: 100% !important; height: auto !important; aspect-ratio: 1; object-fit: contain; }
.gallery { --columns: 1; max-width: max(20rem, calc(100vh - 20rem)); margin: 0 !important; }
.gallery .grid-wrap { max-height: none; }
.gallery .grid-container { grid-template-columns: repeat(var(--columns), minmax(0, 1fr)) !important; gap: 0.5rem; }
.gallery .thumbnail-item {
  display: flex; flex-direction: column; aspect-ratio: auto; height: auto;
  border: 0; border-radius: 4px; box-shadow: none; background: none;
}
.gallery .thumbnail-item img { width: 100%; height: auto; aspect-ratio: 1; border-radius: 4px; }
.gallery .thumbnail-item .caption-label {
  position: static; max-width: 100%; padding: 0.15rem 0 0; border: 0; box-shadow: none; background: none;
  color: var(--body-text-color-subdued); font-size: 0.75rem; line-height: 1.2; text-align: center;
}
/* As many columns as the contact sheets have. */
.gallery:has(.gallery-item:nth-child(2)) { --columns: 2; }
.gallery:has(.gallery-item:nth-child(5)) { --columns: 3; }
.gallery:has(.gallery-item:nth-child(10)) { --columns: 4; }
@media (min-width: 901px) {
  .gallery:has(.gallery-item:nth-child(17)) { --columns: 5; }
  .gallery:has(.gallery-item:nth-child(26)) { --columns: 6; }
  .gallery:has(.gallery-item:nth-child(37)) { --columns: 7; }
  .gallery:has(.gallery-item:nth-child(50)) { --columns: 8; }
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
