"""The DDIM playground as a web page: python app.py, then open the address that it prints."""

import gc
import os
import signal
import sys
from functools import partial

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the page is served, Ctrl-C has nothing to bring to an end
    gc.disable()  # until then there is no garbage either, and to look for it among all imports takes half a second

import gradio as gr

from ddim.quiet import start_quietly
from ddim.ui import edge, gradio_cache, gradio_queue, handover, page
from ddim.ui.arguments import read_arguments
from ddim.ui.serving import log_to_stderr, serve
from ddim.ui.tabs import animate, compare, generate, interpolate, train

TABS = {"generate": generate, "compare": compare, "interpolate": interpolate, "animate": animate}


def build(runs_dir: str, rules: train.Rules = train.EVERYDAY) -> gr.Blocks:
    """The page with all its tabs, not yet served."""
    with gr.Blocks(title=page.TITLE, fill_width=True, analytics_enabled=False) as demo:
        gr.HTML(page.HEADER, padding=False)
        parts = {}
        with gr.Tabs(overflow_behavior="wrap") as tabs:
            for name, tab in TABS.items():
                with gr.Tab(name.capitalize(), id=name, elem_id=f"tab-{name}", render_children=True):
                    parts[name] = tab.build(runs_dir)
            with gr.Tab("Train", id="train", elem_id="tab-train", render_children=True):
                train.build(demo, runs_dir, [part.settings for part in parts.values()], rules)
        handover.wire(demo, tabs, parts, handover.lay_out(), runs_dir)
    gradio_cache.forget_files(demo)
    edge.guard(demo)
    return gradio_queue.open_queue(demo)


def main() -> None:
    """Serve the page until Ctrl-C."""
    arguments = read_arguments(__doc__)
    start_quietly()
    log_to_stderr(arguments.log_level)
    is_local = sys.stdout.isatty() and "SPACE_ID" not in os.environ
    serve(partial(build, rules=arguments.rules), arguments.runs_dir, **arguments.launch, inbrowser=is_local)


if __name__ == "__main__":
    main()
