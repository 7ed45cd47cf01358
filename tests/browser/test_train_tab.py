"""The tab Train as its visitors meet it."""

from pathlib import Path

import pytest
from tiny_runs import TINY, make_pictures

from ddim import runs
from ddim.ui import train_options

SMALL = {**TINY, "epochs": 100_000, "image_size": 8}


@pytest.fixture
def train_tab(open_tab, served):
    def open_train_tab():
        tab = open_tab()
        tab.get_by_role("tab", name="Train").click()
        return tab

    yield open_train_tab
    for run in Path(served[1]).parent.iterdir():
        if (run / "status.json").exists():
            runs.stop(run)


def fill_options(tab, options):
    for title in train_options.GROUPS:
        tab.get_by_role("button", name=title, exact=False).first.click()
    for name, value in options.items():
        control = tab.get_by_label(name.replace("_", " ").capitalize(), exact=False).locator("visible=true").first
        if name == "precision":
            control.click()
            tab.get_by_role("option", name=value).click()
        else:
            control.fill(str(train_options.shown(value)))
            control.blur()


def grid_source(tab):
    return tab.locator(".samples img").get_attribute("src")


def wait_for_status(tab, text):
    tab.wait_for_function(
        "text => [...document.querySelectorAll('.status')].some(one => one.checkVisibility() && "
        "one.innerText.includes(text))",
        arg=text,
        timeout=180_000,
    )


def test_a_run_is_started_survives_a_reload_is_stopped_resumed_and_used(train_tab, served, tmp_path):
    tab = train_tab()
    tab.get_by_label("Name of the run").fill("browsed")
    fill_options(tab, {**SMALL, "dataset": make_pictures(tmp_path / "pictures")})
    tab.get_by_role("button", name="Start training").click()

    # The first grid and points arrive.
    wait_for_status(tab, "browsed running")
    tab.locator(".samples img").wait_for(timeout=180_000)
    tab.wait_for_function("document.querySelectorAll('.mark-line path').length >= 1", timeout=180_000)
    first = grid_source(tab)

    # After a reload everything is there again and goes on.
    tab.reload()
    tab.get_by_role("tab", name="Train").click()
    wait_for_status(tab, "browsed running")
    tab.wait_for_function(
        "first => document.querySelector('.samples img') && document.querySelector('.samples img').src !== first",
        arg=first,
        timeout=180_000,
    )

    # It is stopped and resumed.
    tab.get_by_role("button", name="Stop", exact=True).locator("visible=true").click()
    wait_for_status(tab, "browsed stopped")
    stopped_at = runs.read_status(Path(served[1]).parent / "browsed").step
    tab.get_by_role("button", name="Resume").click()
    wait_for_status(tab, "browsed running")
    tab.wait_for_function(
        r"stopped => [...document.querySelectorAll('.status')].some(one => "
        r"Number(one.innerText.match(/step (\d+) of/)?.[1]) > stopped)",
        arg=stopped_at,
        timeout=180_000,
    )

    # Its weights make pictures in the other tab.
    tab.get_by_role("button", name="Use these weights").click()
    tab.get_by_text("is chosen in every tab").wait_for()
    tab.get_by_role("tab", name="Generate").click()
    weights = tab.get_by_label("Weights").locator("visible=true").first
    assert weights.input_value().endswith("browsed")
    tab.locator(".run-button").locator("visible=true").click()
    tab.wait_for_function(
        "[...document.querySelectorAll('.status')].some(one => one.innerText.includes('network evaluations'))",
        timeout=60_000,
    )


def test_a_run_is_deleted_only_after_a_second_thought(train_tab, served, tmp_path):
    run = Path(served[1]).parent / "forgotten"
    (run / "samples").mkdir(parents=True)
    (run / "config.json").write_text("{}")
    tab = train_tab()
    wait_for_status(tab, "forgotten")
    tab.get_by_role("button", name="Delete this run").click()
    assert run.exists()
    tab.get_by_role("button", name="Really delete it").click()
    tab.wait_for_function("![...document.querySelectorAll('.status')].some(one => one.innerText.includes('forgotten'))")
    assert not run.exists()
