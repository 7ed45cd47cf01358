"""A visitor's last results, kept by their browser alone: a small picture of each, and the address that makes it again.

A result is a function of its address, so nothing else has to be kept, least of all on the server.
"""

from typing import Any

import gradio as gr

MAX_RESULTS = 24
KEPT_AS = "ddim-playground-history"

READ = f"JSON.parse(localStorage.getItem('{KEPT_AS}') ?? '[]')"

SHOW = f"""
const list = element.querySelector("ol");
function show() {{
    list.replaceChildren(...{READ}.map(({{address, picture}}) => {{
        const told = new URLSearchParams(address);
        const seeds = told.get("seeds") ?? told.get("seed");
        const parts = [told.get("tab"), `seed ${{seeds}}`, `${{told.get("num_steps")}} steps`];
        const link = document.createElement("a");
        link.href = address;
        link.textContent = parts.join(", ");
        const small = document.createElement("img");
        small.src = picture;
        small.alt = "";
        link.prepend(small);
        const item = document.createElement("li");
        item.append(link);
        return item;
    }}));
    element.querySelector("p").hidden = list.children.length > 0;
    element.querySelector("button").hidden = list.children.length === 0;
}}
window.addEventListener("{KEPT_AS}", show);
window.addEventListener("storage", show);
element.querySelector("button").addEventListener("click", () => {{
    localStorage.removeItem("{KEPT_AS}");
    show();
}});
show();
"""

# The picture is the first result that the tab of this address shows, though the visitor may be in another tab.
ADD = f"""async (address) => {{
    const tab = document.getElementById("tab-" + new URL(address, window.location.href).searchParams.get("tab"));
    const shown = [...tab.querySelectorAll(".pictures img, .pictures canvas")].find((one) =>
        (one.checkVisibility() || !tab.checkVisibility()) && !one.closest(".live"));
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 64;
    if (shown) {{
        await shown.decode?.().catch(() => {{}});
        const side = Math.min(shown.naturalWidth ?? shown.width, shown.naturalHeight ?? shown.height);
        canvas.getContext("2d").drawImage(shown, 0, 0, side, side, 0, 0, 64, 64);
    }}
    const result = {{address: new URL(address, window.location.href).search, picture: canvas.toDataURL()}};
    const others = {READ}.filter((other) => other.address !== result.address);
    localStorage.setItem("{KEPT_AS}", JSON.stringify([result, ...others].slice(0, {MAX_RESULTS})));
    window.dispatchEvent(new Event("{KEPT_AS}"));
}}"""


def lay_out() -> gr.HTML:
    """Lay out the list of results, which the browser fills."""
    with gr.Accordion("Your last results", open=False):
        return gr.HTML(
            html_template="<p>None yet. They are kept in this browser only.</p><ol></ol><button>Forget them</button>",
            js_on_load=SHOW,
            elem_classes="history",
        )


def add_after(made: gr.events.Dependency, address: gr.Textbox, **private: Any) -> None:
    """Wire: after this event, keep what the tab of this address shows."""
    made.then(None, address, None, js=ADD, **private)
