"""What each tab shows before anything was made in it, and that it never stands in the way of what is."""

import io
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddim.making.first_results import read_first_result, save_first_results
from ddim.ui import first_results

ADDRESSES = {
    "compare": "tab=compare&seeds=0-3&num_steps=2,5,10,20",
    "walk": "tab=interpolate&mode=walk&seeds=3,8&frames=24",
    "plane": "tab=interpolate&mode=plane&seeds=3,8,21,5&size=5",
    "animate": "tab=animate&seeds=0-2&",
}
RESULTS = {
    "compare": ".comparison img",
    "walk": ".frames img",
    "plane": ".plane-sheet img",
    "animate": "#animation .film canvas",
}
SHOWN = """canvas => [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]"""


@pytest.fixture
def shipped(weights):
    """The recipe and the pictures of each kind, as they ship with the weights of the page."""
    paths = save_first_results(weights)
    yield {kind: read_first_result(Path(weights) / "best", kind) for kind in RESULTS}
    for path in paths:
        path.unlink()


@pytest.fixture
def asked(monkeypatch):
    """Which first results the server was asked for; it waits for `asked.go`, which is set."""
    asked = []
    asked_go = threading.Event()
    asked_go.set()

    def read(stem, kind):
        asked.append(kind)
        assert asked_go.wait(60)
        return read_first_result(stem, kind)

    monkeypatch.setattr(first_results, "read_first_result", read)
    yield asked, asked_go
    asked_go.set()


def shown(tab, kind):
    return tab.locator(f"{RESULTS[kind]}:visible").first


def open_mode(tab, label):
    tab.get_by_label(label).check()


def wait_for_address(tab, part):
    tab.wait_for_function(
        "part => [...document.querySelectorAll('.again textarea')].some(one => one.checkVisibility() && "
        "one.value.startsWith('http') && one.value.includes(part))",
        arg=part,
    )


def pixels_of(tab, picture):
    return np.asarray(Image.open(io.BytesIO(tab.request.get(picture.evaluate("one => one.src")).body())).convert("RGB"))


def wait_for_first(tab, kind):
    """Until a first result is there and told, and check that it is nobody's own."""
    shown(tab, kind).wait_for()
    wait_for_address(tab, ADDRESSES[kind])
    assert "seeds" not in tab.url and "sha" not in tab.url
    assert tab.evaluate("localStorage.getItem('ddim-playground-history') ?? '[]'") == "[]"
    assert tab.locator(".again .cm-content:visible").inner_text().strip()


def test_the_tab_compare_begins_with_a_comparison(open_tab, shipped, slow_engine):
    tab = open_tab("?tab=compare")
    wait_for_first(tab, "compare")
    _, pictures = shipped["compare"]
    in_table = tab.locator(".comparison tbody img")
    assert in_table.count() == 32
    for place in (0, 5, 31):
        np.testing.assert_array_equal(pixels_of(tab, in_table.nth(place)), pictures[place])
    assert tab.locator(".verdict").inner_text() and tab.locator(".two img").count() == 2
    assert " s" not in tab.locator(".comparison tbody th small").all_inner_texts()[2]  # nobody took the time
    in_table.nth(4).click()
    wait_for_address(tab, "tab=compare&seeds=0&")
    assert slow_engine.calls_by_batch == {}


def test_the_tab_interpolate_begins_with_a_walk_and_with_a_plane(open_tab, shipped, slow_engine):
    tab = open_tab("?tab=interpolate")
    wait_for_first(tab, "walk")
    _, frames = shipped["walk"]
    np.testing.assert_array_equal(pixels_of(tab, shown(tab, "walk"))[:8, :16], np.hstack(frames[:2]))
    assert tab.locator(".interpolate .player .place:visible").inner_text().endswith("/ 24")
    open_mode(tab, "Plane between four seeds")
    wait_for_first(tab, "plane")
    _, pictures = shipped["plane"]
    sheet = pixels_of(tab, shown(tab, "plane"))
    factor = sheet.shape[0] // 40
    np.testing.assert_array_equal(sheet[::factor, ::factor][:8, 32:40], pictures[4])
    tab.locator(".plane-explorer .ring:visible").wait_for()
    open_mode(tab, "Walk from seed to seed")
    assert slow_engine.calls_by_batch == {}


def test_a_plane_that_an_address_opens_begins_with_a_plane(open_tab, shipped, asked):
    tab = open_tab("?tab=interpolate&mode=plane")
    wait_for_first(tab, "plane")
    assert asked[0] == ["plane"]


def test_the_tab_animate_begins_with_a_film(open_tab, shipped, slow_engine):
    tab = open_tab("?tab=animate")
    wait_for_first(tab, "animate")
    _, guesses = shipped["animate"]
    tab.locator("#animation .position").fill("19")
    tab.wait_for_function(
        "document.querySelector('#animation .position').getAttribute('aria-valuetext').startsWith('step 20')"
    )
    frame = np.reshape(shown(tab, "animate").evaluate(SHOWN), (16, 24, 4))[..., :3]
    np.testing.assert_array_equal(frame[8:], np.hstack(guesses[-3:]))
    assert tab.locator(".finished-pictures .caption-label:visible").all_inner_texts()[:2] == ["seed 0", "seed 1"]
    assert slow_engine.calls_by_batch == {}


def test_nothing_of_it_is_loaded_before_the_tab_is_opened_and_all_of_it_once(open_tab, shipped, asked):
    tab = open_tab("?")
    tab.wait_for_timeout(1000)
    assert asked[0] == []
    for _ in range(2):
        tab.get_by_role("tab", name="Compare").click()
        tab.wait_for_timeout(1000)
        tab.get_by_role("tab", name="Generate").click()
        tab.wait_for_function("location.search === '?tab=generate'")
    assert asked[0] == ["compare"]


def test_the_address_bar_says_nothing_of_it_when_the_tab_is_opened_again(open_tab, shipped):
    tab = open_tab("?tab=animate")
    wait_for_first(tab, "animate")
    tab.get_by_role("tab", name="Train").click()
    tab.wait_for_function("location.search === '?tab=train'")
    tab.get_by_role("tab", name="Animate").click()
    tab.wait_for_function("location.search === '?tab=animate'")
    assert shown(tab, "animate").is_visible()


@pytest.mark.parametrize(
    "query, kind",
    [
        ("?tab=compare&seeds=5&num_steps=1,2&solvers=ddim", "compare"),
        ("?tab=interpolate&seeds=5,6&frames=4&num_steps=2", "walk"),
        ("?tab=interpolate&mode=plane&seeds=1,2,3,4&size=2&num_steps=2", "plane"),
        ("?tab=animate&seeds=5&num_steps=4", "animate"),
    ],
)
def test_what_an_address_asks_for_is_never_replaced(open_tab, shipped, asked, slow_engine, query, kind):
    tab = open_tab(query)
    tab.wait_for_function("location.search.includes('sha=')")
    wait_for_address(tab, "seeds=5" if "seeds=5" in query else "seeds=1-4")
    before = shown(tab, kind).evaluate("one => one.src")
    tab.get_by_role("tab", name="Train").click()
    tab.get_by_role("tab", name=query.split("=")[1].split("&")[0].capitalize()).click()
    tab.wait_for_timeout(1000)
    assert asked[0] == []
    assert shown(tab, kind).evaluate("one => one.src") == before
    wait_for_address(tab, "seeds=5" if "seeds=5" in query else "seeds=1-4")


def test_an_address_that_asks_for_many_pictures_keeps_its_question(open_tab, shipped, asked):
    tab = open_tab("?tab=interpolate&seeds=5,6&frames=20&num_steps=2")
    tab.get_by_role("button", name="Show these 20 pictures").locator("visible=true").wait_for()
    tab.wait_for_timeout(1000)
    assert asked[0] == [] and not shown(tab, "walk").is_visible()


def test_a_picture_that_is_sent_on_is_never_replaced(open_tab, shipped, asked):
    tab = open_tab("?seed=5&num_images=1&num_steps=3")
    tab.wait_for_function("location.search.includes('sha=')")
    tab.get_by_role("button", name="Animate").locator("visible=true").click()
    wait_for_address(tab, "tab=animate&seeds=5")
    tab.wait_for_timeout(1000)
    assert asked[0] == [] and "tab=animate&seeds=5" in tab.url


def test_whoever_is_quicker_has_a_result_of_their_own(open_tab, shipped, asked):
    kinds, go = asked
    go.clear()
    tab = open_tab("?tab=animate&num_steps=3")
    tab.wait_for_timeout(1000)
    assert kinds == ["animate"]
    tab.locator(".run-button:visible").click()
    wait_for_address(tab, "tab=animate&seeds=0-5&")
    go.set()
    tab.wait_for_timeout(1000)
    assert tab.locator("#animation .position").get_attribute("max") == "2"
    assert "seeds=0-5" in tab.locator(".again textarea:visible").first.input_value()


def test_another_result_takes_the_place_of_the_first_one(open_tab, shipped):
    tab = open_tab("?tab=animate&num_steps=3")
    wait_for_first(tab, "animate")
    tab.locator(".run-button:visible").click()
    wait_for_address(tab, "tab=animate&seeds=0-5&")
    tab.wait_for_function("location.search.includes('seeds=0-5')")
    assert tab.locator("#animation .position").get_attribute("max") == "2"
