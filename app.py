"""The DDIM playground as a web page: python app.py, then open the address that it prints."""

import argparse
import os
import sys
import threading
from typing import Any

import gradio as gr

from ddim.quiet import start_quietly
from ddim.ui import edge, gradio_cache, gradio_queue, handover, models, page
from ddim.ui.tabs import animate, compare, generate, interpolate, train

TABS = {"generate": generate, "compare": compare, "interpolate": interpolate, "animate": animate}


def build(runs_dir: str) -> gr.Blocks:
    """The page with all its tabs, not yet served."""
    with gr.Blocks(title=page.TITLE, fill_width=True, analytics_enabled=False) as demo:
        gr.HTML(page.HEADER, padding=False)
        parts = {}
        with gr.Tabs() as tabs:
            for name, tab in TABS.items():
                with gr.Tab(name.capitalize(), id=name, elem_id=f"tab-{name}", render_children=True):
                    parts[name] = tab.build(runs_dir)
            with gr.Tab("Train", id="train", render_children=True):
                train.build(demo, runs_dir, [part.settings for part in parts.values()])
        handover.wire(demo, tabs, [*TABS, "train"], parts, handover.lay_out(), runs_dir)
    gradio_cache.forget_files(demo)
    edge.guard(demo)
    return gradio_queue.open_queue(demo)


def launch(demo: gr.Blocks, **options: Any) -> None:
    """Serve the page and return; `options` are those of gr.Blocks.launch."""
    demo.launch(prevent_thread_lock=True, run_history=False, **page.LOOKS, **gradio_queue.LAUNCH, **options)


def main() -> None:
    """Serve the page until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=page.ENVIRONMENT)
    parser.add_argument("--host", help="address to listen at: 0.0.0.0 is every network (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen at (default: the first free one from 7860 on)")
    parser.add_argument("--share", action="store_true", help="make a public link that lasts for a week")
    parser.add_argument("--runs-dir", default="runs", help="folder of training runs, whose weights can be chosen")
    arguments = parser.parse_args()

    start_quietly()
    demo = build(arguments.runs_dir)
    address = {"server_name": arguments.host, "server_port": arguments.port, "share": arguments.share or None}
    launch(demo, **address, inbrowser=sys.stdout.isatty() and "SPACE_ID" not in os.environ)
    # TensorFlow takes seconds to start: meanwhile the page is there already.
    threading.Thread(target=models.warm_up, args=[arguments.runs_dir], daemon=True).start()
    demo.block_thread()


if __name__ == "__main__":
    main()
