"""The DDIM playground as a web page: python app.py, then open the address that it prints."""

import os
import sys
import threading
from typing import Any

import gradio as gr

from ddim.quiet import start_quietly
from ddim.ui import edge, gradio_cache, gradio_queue, handover, models, page
from ddim.ui.arguments import read_arguments
from ddim.ui.tabs import animate, compare, generate, interpolate, train

TABS = {"generate": generate, "compare": compare, "interpolate": interpolate, "animate": animate}


def build(runs_dir: str, rules: train.Rules = train.EVERYDAY) -> gr.Blocks:
    """The page with all its tabs, not yet served."""
    with gr.Blocks(title=page.TITLE, fill_width=True, delete_cache=(600, 3600), analytics_enabled=False) as demo:
        gr.HTML(page.HEADER, padding=False)
        parts = {}
        with gr.Tabs() as tabs:
            for name, tab in TABS.items():
                with gr.Tab(name.capitalize(), id=name, elem_id=f"tab-{name}", render_children=True):
                    parts[name] = tab.build(runs_dir)
            with gr.Tab("Train", id="train", render_children=True):
                train.build(demo, runs_dir, [part.settings for part in parts.values()], rules)
        handover.wire(demo, tabs, [*TABS, "train"], parts, handover.lay_out(), runs_dir)
    gradio_cache.survive_deletion(demo)
    edge.guard(demo)
    return gradio_queue.open_queue(demo)


def launch(demo: gr.Blocks, **options: Any) -> None:
    """Serve the page and return; `options` are those of gr.Blocks.launch."""
    demo.launch(prevent_thread_lock=True, run_history=False, **page.LOOKS, **gradio_queue.LAUNCH, **options)


def main() -> None:
    """Serve the page until Ctrl-C."""
    runs_dir, rules, options = read_arguments(__doc__)
    start_quietly()
    demo = build(runs_dir, rules)
    launch(demo, **options, inbrowser=sys.stdout.isatty() and "SPACE_ID" not in os.environ)
    # TensorFlow takes seconds to start: meanwhile the page is there already.
    threading.Thread(target=models.warm_up, args=[runs_dir], daemon=True).start()
    demo.block_thread()


if __name__ == "__main__":
    main()
