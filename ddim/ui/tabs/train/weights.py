"""The weights of a run: used in the other tabs, packed to be taken elsewhere, and unpacked from there."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from ddim.runs import archives
from ddim.runs.folder import folder_of
from ddim.ui.reading import read_weights
from ddim.ui.settings import Settings, own_values, updates_of
from ddim.ui.tabs.train import rights, view
from ddim.ui.tabs.train.rights import Rules


class Weights(NamedTuple):
    """What uses the weights, what packs them, where they appear then, and where packed ones are brought."""

    use: gr.Button
    pack: gr.Button
    packed: gr.File
    unpack: gr.File


def lay_out() -> Weights:
    """Lay out what can be done with weights."""
    return Weights(
        gr.Button("Use these weights"),
        gr.Button("Pack weights as ZIP"),
        gr.File(label="Weights", visible=False, interactive=False),
        gr.File(label="A ZIP packed elsewhere", file_types=[".zip"], height=150),
    )


def wire(
    weights: Weights, chosen: gr.Dropdown, runs_dir: str, settings_of_tabs: Sequence[Settings], rules: Rules
) -> None:
    """Wire it to the run that is `chosen`, and to the settings of the tabs that make pictures."""

    def use(run: str) -> list[Any]:
        folder = view.folder(runs_dir, run)
        is_shipped = folder.parent != Path(runs_dir)
        name = read_weights(folder.stem if is_shipped else folder.as_posix(), runs_dir)
        trained = {"weights": name, **own_values(name)}
        gr.Info(f"{Path(name).name} is chosen in every tab.")
        return [update for settings in settings_of_tabs for update in updates_of(settings, trained, runs_dir)]

    def pack(run: str) -> Iterator[gr.File]:
        folder = view.folder(runs_dir, run)
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / f"ddim-{folder.name}.zip"
            archives.pack_run(folder, path)
            yield gr.File(str(path), visible=True)  # the page has its own copy before the folder goes

    def unpack(file: str | None) -> Any:
        if not file:
            return gr.skip()
        rights.check(rules)
        run = folder_of(runs_dir, Path(file).stem.removeprefix("ddim-"))
        archives.unpack_run(Path(file), run)
        return view.run_selector(runs_dir, run)

    controls_of_tabs = [setting.control for settings in settings_of_tabs for setting in settings.values()]
    weights.use.click(use, chosen, controls_of_tabs, **view.OF_RUN, api_visibility="private")
    weights.pack.click(pack, chosen, weights.packed, **view.OF_RUN, api_visibility="private")
    weights.unpack.upload(unpack, weights.unpack, chosen, api_visibility="private")
