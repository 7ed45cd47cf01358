"""The DDIM playground as a web page: python app.py, then open the address that it prints."""

import argparse
import os
import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the page is served, Ctrl-C has nothing to bring to an end

import gradio as gr

from ddim.quiet import start_quietly
from ddim.ui import edge, gradio_cache, gradio_queue, handover, page
from ddim.ui.serving import LOG_LEVELS, log_to_stderr, serve
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


def main() -> None:
    """Serve the page until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=page.ENVIRONMENT)
    parser.add_argument("--host", help="address to listen at: 0.0.0.0 is every network (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen at (default: the first free one from 7860 on)")
    parser.add_argument("--share", action="store_true", help="make a public link that lasts for a week")
    parser.add_argument("--runs-dir", default="runs", help="folder of training runs, whose weights can be chosen")
    parser.add_argument("--log-level", choices=LOG_LEVELS, default="warning", help="info: a line for each request")
    arguments = parser.parse_args()

    start_quietly()
    log_to_stderr(arguments.log_level)
    address = {"server_name": arguments.host, "server_port": arguments.port, "share": arguments.share or None}
    serve(build, arguments.runs_dir, **address, inbrowser=sys.stdout.isatty() and "SPACE_ID" not in os.environ)


if __name__ == "__main__":
    main()
