"""The tab Train as its visitors meet it."""

import time
from pathlib import Path

import pytest
from tiny_runs import TINY, record_run

from ddim.media.embedded import read
from ddim.model.diffusion_model import DiffusionModel, ModelConfig
from ddim.model.weights import save
from ddim.runs.folder import read_status
from ddim.runs.process import stop_run
from ddim.ui.tabs.train import options as train_options

SMALL = {**TINY, "epochs": 100_000, "image_size": 8}


@pytest.fixture
def train_tab(open_tab, served):
    failures = []

    def open_train_tab(query="?tab=train", width=1600):
        tab = open_tab(query, width=width)
        tab.on("response", lambda answer: failures.append(answer.url) if answer.status >= 500 else None)
        if "tab=" not in query:
            tab.get_by_role("tab", name="Train").click()
        return tab

    yield open_train_tab
    for run in Path(served[1]).parent.iterdir():
        if (run / "status.json").exists():
            stop_run(run)
    assert not failures


def fill_options(tab, options):
    for title in train_options.GROUPS:
        tab.get_by_role("button", name=title, exact=False).first.click()
    for name, value in options.items():
        control = tab.get_by_label(train_options.label(name), exact=False).locator("visible=true").first
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
        timeout=120_000,
    )


def choose(tab, label, run):
    control = tab.get_by_label(label, exact=True).locator("visible=true")
    control.click()
    own = tab.locator(f"#{control.get_attribute('aria-controls')}")  # while those of another control still fade
    own.get_by_role("option", name=run, exact=True).click()


def wait_for_lines(tab, *runs):
    """Wait until the legend names these runs, and the chart of losses has lines of these alone, all of some length."""
    tab.wait_for_function(
        """runs => {
          const legend = [...document.querySelectorAll(".charts .legend button")].map((one) => one.textContent);
          const lines = [...document.querySelectorAll(".charts figure:first-child path.line")];
          const drawn = new Set(lines.filter((one) => one.getTotalLength() > 50).map((one) => one.dataset.run));
          return String(legend) === String(runs) && String([...drawn]) === String(runs);
        }""",
        arg=list(runs),
    )


def wait_for_step(tab, step):
    tab.wait_for_function(
        r"step => [...document.querySelectorAll('.status')].some(one => "
        r"Number(one.innerText.match(/step (\d+) of/)?.[1]) >= step)",
        arg=step,
        timeout=180_000,
    )


def test_a_run_is_started_survives_a_reload_is_stopped_resumed_and_used(train_tab, served, dataset):
    tab, run = train_tab(), Path(served[1]).parent / "browsed"
    tab.get_by_label("Name of the run").fill("browsed")
    fill_options(tab, {**SMALL, "dataset": "folder:pictures"})
    tab.get_by_role("button", name="Start training").click()

    # The first grid and points arrive.
    wait_for_status(tab, "browsed running")
    tab.locator(".samples img").wait_for(timeout=180_000)
    tab.wait_for_function("document.querySelector('.charts path.line[data-run=browsed]')", timeout=180_000)
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

    # Esc is for what other tabs make: a run goes on.
    tab.keyboard.press("Escape")
    wait_for_step(tab, read_status(run).step + 100)

    # It is stopped and resumed.
    tab.get_by_role("button", name="Stop", exact=True).locator("visible=true").click()
    wait_for_status(tab, "browsed stopped")
    assert tab.get_by_role("button", name="Stop", exact=True).locator("visible=true").is_disabled()
    stopped_at = read_status(run).step
    tab.get_by_role("button", name="Resume").click()
    wait_for_status(tab, "browsed running")
    wait_for_step(tab, stopped_at + 1)

    # Its weights make pictures in the other tab.
    tab.get_by_role("button", name="Use these weights").click()
    tab.get_by_text("browsed is chosen in every tab.", exact=True).wait_for()
    tab.get_by_role("tab", name="Generate").click()
    weights = tab.get_by_label("Weights").locator("visible=true").first
    assert weights.input_value() == "browsed"
    tab.locator(".run-button").locator("visible=true").click()
    tab.wait_for_function(
        "[...document.querySelectorAll('.status')].some(one => one.innerText.includes('network evaluations'))",
        timeout=60_000,
    )


def test_used_weights_bring_the_signal_rates_of_their_training(
    train_tab, served, tiny_config, tiny_network, tiny_normalizer
):
    run = Path(served[1]).parent / "narrow"
    record_run(run, 1)
    config = ModelConfig(tiny_config, min_signal_rate=0.1, max_signal_rate=0.9)
    save(DiffusionModel(config, tiny_network, tiny_normalizer), run / "best")
    tab = train_tab()
    wait_for_status(tab, "narrow")
    tab.get_by_role("button", name="Use these weights").click()
    tab.get_by_text("is chosen in every tab").wait_for()
    for name in ("Generate", "Animate"):
        tab.get_by_role("tab", name=name).click()
        tab.get_by_role("button", name="Advanced").locator("visible=true").click()
        for label, rate in (("Lowest signal rate", "0.1"), ("Highest signal rate", "0.9")):
            assert tab.get_by_label(f"number input for {label}").locator("visible=true").input_value() == rate


def test_lines_and_legend_are_those_of_the_runs_that_are_chosen(train_tab, served):
    runs = Path(served[1]).parent
    for name in ("compared-a", "compared-b", "compared-c"):
        record_run(runs / name, 3)
        time.sleep(0.05)  # or none would be the newest
    tab = train_tab()
    wait_for_lines(tab, "compared-c")
    choose(tab, "Run", "compared-a")
    wait_for_lines(tab, "compared-a")
    tab.reload()
    wait_for_lines(tab, "compared-c")
    choose(tab, "Run", "compared-b")
    choose(tab, "Overlay", "compared-a")
    choose(tab, "Overlay", "compared-c")
    wait_for_lines(tab, "compared-b", "compared-a", "compared-c")

    # A name in the legend switches its lines, and the pointer tells the numbers of those that are left.
    button = tab.get_by_role("button", name="compared-a", exact=True)
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    chart = tab.locator(".charts figure").first
    assert chart.locator("path.line[data-run=compared-a]").count() == 0
    box = chart.locator("svg").bounding_box()
    tab.mouse.move(box["x"] + box["width"] - 20, box["y"] + 100)
    reading = chart.locator(".reading").inner_text()
    assert reading.startswith("epoch 3: ")
    assert "compared-b, validation 0.3667" in reading
    assert "compared-a" not in reading

    # Smoothing leaves what was measured as a faint line.
    tab.get_by_label("Smoothing").fill("0.5")
    assert chart.locator("path.faint").count() == chart.locator("path.line").count() == 4


def expected(tab):
    return tab.locator(".training .run .status")


def test_a_small_set_continues_from_the_shipped_weights_unless_something_else_is_chosen(train_tab, dataset):
    tab = train_tab()
    expected(tab).get_by_text("6551 pictures to learn from, 8 epochs: 1632 steps").wait_for()
    tab.get_by_role("button", name="Pictures").first.click()

    def choose_pictures(name):
        tab.get_by_label("Data set").fill(name)
        tab.get_by_label("Data set").blur()

    choose_pictures("folder:pictures")
    assert tab.get_by_text("it is best to continue from the shipped weights").first.inner_text()
    expected(tab).get_by_text("32 pictures to learn from, 50 epochs: 100 steps").wait_for()
    expected(tab).get_by_text("begins with flowers64").wait_for()
    assert tab.get_by_label("Continue from the shipped weights").is_checked()
    assert tab.get_by_label("Data set").input_value() == "folder:pictures"

    # By choice it is the quick look all the same, and what a visitor has changed stays.
    tab.get_by_label("Quick look").check()
    expected(tab).get_by_text("32 pictures to learn from, 8 epochs: 8 steps, too few").wait_for()
    tab.get_by_label("Epochs").fill("9")
    tab.get_by_label("Epochs").blur()
    choose_pictures("cifar10")
    expected(tab).get_by_text("How many pictures this set has is seen").wait_for()
    choose_pictures("folder:pictures")
    expected(tab).get_by_text("32 pictures to learn from, 9 epochs: 9 steps, too few").wait_for()
    assert tab.get_by_label("Quick look").is_checked()
    choose_pictures("folder:none")
    expected(tab).get_by_text("No pictures here are called").wait_for()


def test_a_run_is_deleted_only_after_a_second_thought(train_tab, served):
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


@pytest.mark.parametrize(("query", "width"), [("?", 1600), ("?tab=train", 390)])
def test_a_recorded_run_is_seen_whole_and_taken_away_as_a_film(train_tab, served, tmp_path, query, width):
    run = Path(served[1]).parent / f"recorded-{width}"
    record_run(run, 3)
    tab = train_tab(query, width)
    wait_for_status(tab, f"recorded-{width} stopped")
    charts = tab.locator(".charts figure").filter(visible=True)
    charts.nth(2).wait_for()
    for chart in charts.all():
        assert chart.locator("path.line").count() >= 1
        assert chart.locator("svg").bounding_box()["width"] == pytest.approx(chart.bounding_box()["width"], abs=1)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")

    # The film of its epochs plays under the grid, as wide as that.
    tab.get_by_role("button", name="Play all epochs").click()
    film, grid = tab.locator("canvas").filter(visible=True), tab.locator(".samples img")
    film.wait_for()
    assert grid.evaluate("one => getComputedStyle(one).objectFit") == "contain"  # it fills its frame
    assert tab.locator(".place").filter(visible=True).inner_text().endswith("/ 3")
    assert film.bounding_box()["y"] > grid.bounding_box()["y"] + grid.bounding_box()["height"]
    assert film.bounding_box()["width"] == pytest.approx(grid.bounding_box()["width"], rel=0.05)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")

    tab.get_by_role("button", name="Export the film").click()
    tab.get_by_role("button", name="Make the file").locator("visible=true").click()
    with tab.expect_download() as download:
        tab.get_by_role("link").get_by_text(".mp4").or_(tab.locator("a[download$='.mp4']")).first.click()
    assert download.value.suggested_filename == f"ddim-train-recorded-{width}-3epochs.mp4"
    download.value.save_as(tmp_path / "film.mp4")
    assert read(tmp_path / "film.mp4")["epochs"] == 3
