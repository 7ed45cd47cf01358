"""The tab Interpolate: a walk from seed to seed, or the plane between four of them."""

from functools import partial

import gradio as gr

from ddim.making.walk import WalkConfig, playback
from ddim.media.animation import ExportConfig
from ddim.ui import controls, export, history, reproduce, run_button
from ddim.ui.reading import read_number
from ddim.ui.settings import Setting
from ddim.ui.tabs.interpolate import plane, settings, walk

INTRODUCTION = (
    "A flower grows out of noise, and all noise lies on one great sphere. Walk on it from seed to seed and one flower "
    "turns into the next, or span a plane between four seeds and look at any point on it."
)


def build(runs_dir: str) -> reproduce.Tab:
    """Lay out and wire the tab. What belongs to one of its modes alone is shown and hidden by the style sheet."""
    gr.Markdown(INTRODUCTION, elem_classes="introduction")
    with gr.Row(elem_classes=["workbench", "interpolate"]):
        with gr.Column(elem_classes="run"):
            with gr.Column(elem_classes="walk-only"):
                run_walk = run_button.lay_out("Walk")
            with gr.Column(elem_classes="plane-only"):
                run_plane = run_button.lay_out("Make the plane")
        with gr.Column(elem_classes="settings"):
            chosen = settings.lay_out(runs_dir)
        with gr.Column(elem_classes="pictures"):
            with gr.Column(elem_classes="walk-only"):
                walk_pictures = walk.lay_out()
            with gr.Column(elem_classes="plane-only"):
                plane_pictures = plane.lay_out()
            results = history.lay_out()
        of_tab = settings.settings_of(chosen, runs_dir)
        of_tab |= {
            "across": Setting(plane_pictures.across, partial(read_number, "across")),
            "down": Setting(plane_pictures.down, partial(read_number, "down")),
        }
        with gr.Column(elem_classes="again"):
            column = reproduce.lay_out("interpolate", of_tab)
            with gr.Column(elem_classes="walk-only"):
                walk_export = export.lay_out(playback(WalkConfig()))
            with gr.Column(elem_classes="plane-only"):
                plane_export = export.lay_out(ExportConfig(), (".png", ".zip"))

    walked, first_walk = walk.wire(run_walk, chosen, walk_pictures, column, walk_export, runs_dir)
    made, first_plane = plane.wire(run_plane, chosen, plane_pictures, column, plane_export, runs_dir)
    shown = plane.wire_points(chosen, plane_pictures, column, runs_dir)
    for event in (walked, made):
        controls.tell_precision(event.success, chosen.weights, chosen.sampling.precision, runs_dir)
    described = [reproduce.describe_run(event, column) for event in (walked, made, *shown)]
    first = [column.address, column.snippet, column.recipe]  # a walk to be made leaves the plane alone
    first_results = {"walk": first_walk, "plane": first_plane}
    statuses = [run_walk.status, run_plane.status]
    return reproduce.Tab(of_tab, column, described, statuses, results, first, first_results=first_results)
