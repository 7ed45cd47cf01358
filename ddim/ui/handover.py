"""What goes from tab to tab: settings from an address or a file, a picture sent on, and the last results."""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import gradio as gr

from ddim.errors import UserError
from ddim.making.plane import Stops, parse_stops
from ddim.making.recipe import Recipe
from ddim.media import embedded
from ddim.notation import counted, written_numbers
from ddim.ui import first_results, settings, showing
from ddim.ui.handlers import HIDDEN, PRIVATE, REFUSING
from ddim.ui.reproduce import MAKE_ABSOLUTE, Tab

FILES = [".png", ".gif", ".webp", ".mp4", ".zip"]

# In the browser, so that no late answer from the server takes a visitor back from the tab they went to meanwhile.
OPEN_TAB = """() => {
    const tab = new URLSearchParams(window.location.search).get("tab");
    const known = %s.includes(tab);
    return {__type__: "update", ...(known ? {selected: tab} : {})};
}"""
# The tour may hear of it only later: what is in a tab is there once the tab has been opened.
BEGIN_TOUR = """() => {
    document.body.dataset.howItWorks = "asked for";
    document.dispatchEvent(new Event("how-it-works"));
}"""
MAKE_ALL_ABSOLUTE = f"(...addresses) => addresses.map({MAKE_ABSOLUTE})"


class Page(NamedTuple):
    """All tabs, those that make pictures by name, and which of these is to make what its controls ask for."""

    tabs: gr.Tabs
    parts: Mapping[str, Tab]
    wanted: gr.Textbox
    runs_dir: str

    def outputs(self) -> list[Any]:
        """What `updates` are for."""
        components: list[Any] = [self.tabs, self.wanted]
        for tab in self.parts.values():
            components += [*(setting.control for setting in tab.settings.values()), *_statuses(tab), *tab.first]
        return components

    def updates(
        self,
        name: str,
        values: Mapping[str, Any],
        held: Mapping[str, Any] | None = None,
        *,
        opens: bool = True,
        at_most: int | None = None,
    ) -> list[Any]:
        """Updates by which a tab gets these settings and makes what they ask for; for more pictures it asks first.

        `held` is what those of its controls that a value can be added to hold now, if a picture is sent.
        """
        kept, warnings = settings.read(self.parts[name].settings, values, self.runs_dir, held)
        if warnings:
            gr.Warning(html.escape(" ".join(warnings), quote=False))
        if held and (told := _left_behind(values, kept, held)):
            gr.Info(told)
        count = showing.num_pictures(name, kept)
        asks = at_most is not None and count > at_most
        wanted = showing.wanted(name, kept) if count and not asks else ""
        updates: list[Any] = [gr.Tabs(selected=name) if opens else gr.skip(), wanted]
        for one, tab in self.parts.items():
            is_emptied = one == name and count > 0
            updates += settings.updates_of(tab.settings, kept if one == name else {}, self.runs_dir)
            updates += [showing.asks(name, count) if one == name and asks else gr.skip() for _ in tab.runs]
            updates += [None if is_emptied else gr.skip() for _ in tab.first]
        return updates


def lay_out() -> gr.UploadButton:
    """Lay out where a file is brought back for those who cannot drop it."""
    with gr.Row(elem_classes="bring-back"):
        return gr.UploadButton("Bring back a picture or film made here", file_types=FILES, size="sm", scale=0)


def wire(demo: gr.Blocks, tabs: gr.Tabs, parts: Mapping[str, Tab], dropped: gr.UploadButton, runs_dir: str) -> None:
    """Wire the tabs to each other; those that make pictures have `parts`."""
    page = Page(tabs, parts, gr.Textbox(visible=False), runs_dir)
    all_tabs = [one for one in tabs.children if isinstance(one, gr.Tab)]
    demo.load(None, None, tabs, js=OPEN_TAB % [one.id for one in all_tabs], **PRIVATE)
    _wire_address(demo, page)
    _wire_dropping(dropped, page)
    for name, tab in parts.items():
        for made in tab.made:
            made.then(None, tab.column.address, None, js=showing.made(name), **PRIVATE)
        for destination, button in tab.column.send.items():
            _wire_sending(button, tab, destination, page)
        told = {name: setting.control for name, setting in tab.settings.items() if name != "new_seed"}
        for run in tab.runs:
            run.start.click(None, list(told.values()), None, js=showing.started(name, told), **PRIVATE)
        _wire_history(tab.history, page)
        if tab.guide:
            _wire_guide(tab.guide, tab, page)
    for one in all_tabs:
        name = str(one.id)
        address = parts[name].column.address if name in parts else None
        one.select(None, address, None, js=showing.opened(name), **PRIVATE)
        if name in parts and parts[name].first_results:
            first_results.wire(name, one, parts[name], runs_dir)


def _wire_address(demo: gr.Blocks, page: Page) -> None:
    def restore(request: gr.Request) -> list[Any]:
        opened = request.query_params.get("tab", "")
        name = opened if opened in page.parts else next(iter(page.parts))
        values = settings.told(request.query_params) if opened in ("", name) else {}
        return page.updates(name, values, opens=False, at_most=showing.AT_MOST)

    restored = demo.load(restore, None, page.outputs(), **HIDDEN, api_visibility="private")
    addresses = [tab.column.address for tab in page.parts.values()]
    restored.then(None, addresses, addresses, js=MAKE_ALL_ABSOLUTE, **PRIVATE)
    _make_after(restored, page)


def _wire_dropping(dropped: gr.UploadButton, page: Page) -> None:
    def bring_back(file: str | None) -> list[Any]:
        if not file:
            return [gr.skip()] * len(page.outputs())
        content = embedded.read(file)
        if content.get("command") == "train":
            raise UserError(f"{Path(file).name} has no settings to bring back: it shows a training run.")
        try:
            recipe = Recipe.from_json(content)
        except UserError as error:
            raise UserError(f"{Path(file).name} cannot be brought back. {error}") from error
        return page.updates(settings.tab_of(recipe), settings.values_of(recipe))

    one_at_a_time = REFUSING | {"concurrency_limit": 1}
    _make_after(dropped.upload(bring_back, dropped, page.outputs(), **one_at_a_time), page)


def _wire_sending(button: gr.Button, sender: Tab, name: str, page: Page) -> None:
    adding = _adding(page.parts[name])

    def send(content: dict[str, Any] | None, *held: Any) -> list[Any]:
        if not content:
            raise UserError("There is nothing to take along yet: make a picture first.")
        recipe = Recipe.from_json(content)
        if recipe.place and name != "interpolate":
            raise UserError("This picture lies between seeds, so it has no seed of its own to take along.")
        return page.updates(name, _values_for(name, recipe), dict(zip(adding, held, strict=True)))

    inputs = [sender.column.recipe, *adding.values()]
    sent = button.click(send, inputs, page.outputs(), preprocess=False, **REFUSING)
    _make_after(sent, page)


def _wire_history(results: gr.HTML, page: Page) -> None:
    adding = _adding(page.parts["interpolate"])

    def show_again(chosen: gr.EventData, *held: Any) -> list[Any]:
        query = dict(parse_qsl(str(getattr(chosen, "address", "")).removeprefix("?")))
        values = settings.told(query)
        if getattr(chosen, "as_stop", False):
            return page.updates("interpolate", _as_stop(values), dict(zip(adding, held, strict=True)))
        name = query.get("tab", "")
        return page.updates(name if name in page.parts else next(iter(page.parts)), values)

    inputs = list(adding.values())
    _make_after(results.select(show_again, inputs, page.outputs(), preprocess=False, **REFUSING), page)


def _wire_guide(button: gr.Button, sender: Tab, page: Page) -> None:
    """Wire: the picture looked at, or the first of all, is taken to the tour of the tab Animate."""

    def guide(content: dict[str, Any] | None) -> list[Any]:
        if not content:
            raise UserError("There is nothing to look into yet: make a picture first.")
        first, *_ = Recipe.from_json(content).pictures()
        return page.updates("animate", settings.values_of(first))

    guided = button.click(guide, sender.column.recipe, page.outputs(), preprocess=False, **REFUSING)
    guided.success(None, None, None, js=BEGIN_TOUR, **PRIVATE)  # which makes the film


def _make_after(shown: gr.events.Dependency, page: Page) -> None:
    shown.then(None, page.wanted, None, js=showing.MAKE, **PRIVATE)


def _statuses(tab: Tab) -> list[Any]:
    return [run.status for run in tab.runs]


def _adding(tab: Tab) -> dict[str, Any]:
    """The controls that the value of a picture can be added to."""
    return {name: setting.control for name, setting in tab.settings.items() if setting.add}


def _values_for(name: str, recipe: Recipe) -> dict[str, Any]:
    values = settings.values_of(recipe)
    return _as_stop(values) if name == "interpolate" and len(recipe.seeds) == 1 and not recipe.place else values


def _as_stop(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a picture as a stop, which keeps its class, whatever the next picture sent shows."""
    class_name = values.get("class_name")
    if not class_name:
        return dict(values)
    stop = Stops((settings.read_number("seed", values["seed"]),), (str(class_name),))
    return {**values, "seeds": stop.written(), "class_name": ""}


def _left_behind(values: Mapping[str, Any], kept: Mapping[str, Any], held: Mapping[str, Any]) -> str:
    """A word about seeds that a tab had no room for, and about those that made room."""
    if "seeds" not in kept or "seeds" not in values:
        return ""
    now, sent = _seeds(kept["seeds"]), _seeds(values["seeds"])
    left = [seed for seed in sent if seed not in now]
    gone = [seed for seed in _seeds(held.get("seeds")) if seed not in now]
    sentences = [f"There was no room for {counted(len(left), 'seed')} more."] if left else []
    sentences += [f"In place of {'seeds' if len(gone) > 1 else 'seed'} {written_numbers(gone)}."] if gone else []
    return " ".join(sentences)


def _seeds(value: Any) -> tuple[int, ...]:
    """The seeds that a field holds, none if it holds something else."""
    try:
        return parse_stops(value, 1, settings.MAX_SEEDS).seeds
    except (UserError, TypeError):
        return ()
