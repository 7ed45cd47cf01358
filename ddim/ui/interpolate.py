"""The tab Interpolate: a walk from seed to seed, or the plane between four of them."""

from functools import partial
from pathlib import Path

import gradio as gr

from ddim.animation import ExportConfig
from ddim.interpolate import WalkConfig, playback
from ddim.ui import again, controls, export, forming, interpolate_settings, plane, recall, walk

INTRODUCTION = (
    "A flower grows out of noise, and all noise lies on one great sphere. Walk there from seed to seed and one flower "
    "turns into the next, or span a plane between four seeds and look at any point of it."
)


def build(runs_dir: str | Path) -> again.Tab:
    """Lay out and wire the tab. What belongs to one of its modes alone is shown and hidden by the style sheet."""
    gr.Markdown(INTRODUCTION, elem_classes="introduction")
    with gr.Row(elem_classes=["workbench", "interpolate"]):
        with gr.Column(elem_classes="run"):
            with gr.Column(elem_classes="walk-only"):
                run_walk = forming.lay_out("Walk")
            with gr.Column(elem_classes="plane-only"):
                run_plane = forming.lay_out("Make the plane")
        with gr.Column(elem_classes="settings"):
            settings = interpolate_settings.lay_out(runs_dir)
        with gr.Column(elem_classes="pictures"):
            with gr.Column(elem_classes="walk-only"):
                walk_pictures = walk.lay_out()
            with gr.Column(elem_classes="plane-only"):
                plane_pictures = plane.lay_out()
        recalled = interpolate_settings.recalled(settings, runs_dir)
        recalled |= {
            name: recall.Setting(getattr(plane_pictures, name), partial(controls.read_number, name))
            for name in ("across", "down")
        }
        with gr.Column(elem_classes="again"):
            column = again.lay_out("interpolate", recalled)
            with gr.Column(elem_classes="walk-only"):
                walk_export = export.lay_out(playback(WalkConfig()))
            with gr.Column(elem_classes="plane-only"):
                plane_export = export.lay_out(ExportConfig(), (".png", ".zip"))

    walked = walk.wire(run_walk, settings, walk_pictures, column, walk_export, runs_dir)
    made = plane.wire(run_plane, settings, plane_pictures, column, plane_export, runs_dir)
    shown = plane.wire_points(settings, plane_pictures, column, runs_dir)
    for event in (walked, made):
        controls.tell_precision(event.success, settings.weights, settings.sampling.precision, runs_dir)
    described = [again.describe_run(event, "interpolate", recalled, column) for event in (walked, made, *shown)]
    return again.Tab(recalled, column, tuple(described))
