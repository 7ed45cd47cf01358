"""The tab Interpolate as its visitors meet it."""

import re
import time
from urllib.parse import urlencode

import numpy as np
import pytest
from decoding import decode
from PIL import Image
from serving import SlowEngine

from ddim.media.embedded import read
from ddim.ui import export

PLANE = "?tab=interpolate&mode=plane&seeds=1,2,3,4&size=3&num_steps=3"


@pytest.fixture
def interpolate(open_tab):
    """Opens the tab, and fails the test if its console has errors."""
    errors = []

    def interpolate(query, **options):
        tab = open_tab(query, **options)
        tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: errors.append(str(error)))
        return tab

    yield interpolate
    assert errors == []


def visible(tab, selector):
    return tab.locator(f".interpolate {selector}").locator("visible=true")


def wait_for_address(tab, part):
    tab.wait_for_function(
        "part => document.querySelector('.interpolate .again textarea')?.value.includes(part)", arg=part
    )
    return tab.locator(".interpolate .again textarea").input_value()


def pixels_of(tab, selector, path):
    source = tab.locator(selector).get_attribute("src")
    path.write_bytes(tab.request.get(source).body())
    return np.asarray(Image.open(path))


def test_a_walk_is_seen_as_it_forms_and_then_plays(interpolate, slow_engine):
    tab = interpolate("?tab=interpolate&seeds=3,8&frames=5&num_steps=40")
    tab.keyboard.press("Control+Enter")
    strip = visible(tab, ".frames img")
    strip.wait_for()
    before = strip.get_attribute("src")
    tab.wait_for_function("before => document.querySelector('.frames img').src !== before", arg=before)
    assert len(strip.get_attribute("alt")) > 20
    visible(tab, "canvas").wait_for()
    assert visible(tab, ".place").inner_text().endswith("/ 5")
    position = visible(tab, ".position")
    shown = position.input_value()
    tab.wait_for_function("shown => document.querySelector('.interpolate .position').value !== shown", arg=shown)
    assert strip.evaluate("one => one.decode().then(() => one.naturalWidth / one.naturalHeight)") == 5
    address = wait_for_address(tab, "seeds=3,8&")
    assert "frames=5" in address and "num_steps=40" in address and "eta" not in address


def test_escape_stops_a_walk(interpolate, slow_engine):
    tab = interpolate("?tab=interpolate&seeds=3,8&frames=7&num_steps=90")
    slow_engine.wait_for(num_images=7, calls=4)
    visible(tab, ".status").get_by_text(re.compile("^Step [0-9]+ of 90")).wait_for()
    tab.keyboard.press("Escape")
    visible(tab, ".status").get_by_text("Stopped.").wait_for()
    assert slow_engine.has_stopped(num_images=7)
    assert slow_engine.calls(num_images=7) < 60
    visible(tab, ".run-button").wait_for()


def test_what_is_stopped_before_the_server_has_answered_is_stopped(interpolate, slow_engine):
    tab = interpolate("?tab=interpolate&seeds=3,8&frames=6&num_steps=90")

    def answer_late(route):
        response = route.fetch()
        time.sleep(1)
        route.fulfill(response=response)

    visible(tab, ".stop-button").wait_for()  # what the address asks for
    visible(tab, ".stop-button").click()
    visible(tab, ".status").get_by_text("Stopped.").wait_for()
    tab.route("**/queue/join*", answer_late)
    visible(tab, ".run-button").click()
    tab.keyboard.press("Escape")
    visible(tab, ".status").get_by_text("Stopped.").wait_for()
    visible(tab, ".run-button").wait_for()
    slow_engine.wait_for_stop(num_images=6)
    assert slow_engine.calls(num_images=6) < 120
    assert visible(tab, ".status").get_by_text("Stopped.").count() > 0


def test_a_walk_is_taken_away_under_a_telling_name(interpolate, tmp_path):
    tab = interpolate("?tab=interpolate&seeds=3,8&frames=3&num_steps=2&loop=true")
    visible(tab, ".run-button").click()
    visible(tab, "canvas").wait_for()
    visible(tab, "button").get_by_text("Export", exact=True).click()
    visible(tab, "button").get_by_text("Make the file").click()
    with tab.expect_download() as download:
        visible(tab, ".file-preview a").first.click()
    assert download.value.suggested_filename == "ddim-interpolate-seeds3-8-2steps.mp4"
    download.value.save_as(tmp_path / "film.mp4")
    assert len(decode(tmp_path / "film.mp4", 32, 32)) == 6


def test_the_size_of_a_file_is_told_before_it_is_made_and_is_one_that_chats_take(interpolate, monkeypatch):
    tab = interpolate("?tab=interpolate&seeds=3,8&frames=3&num_steps=2")
    visible(tab, ".run-button").click()
    visible(tab, "canvas").wait_for()
    visible(tab, "button").get_by_text("Export", exact=True).click()
    size, factor = visible(tab, ".file-size"), tab.get_by_label("number input for Enlarged by")
    size.get_by_text("Less than 0.1 MB").wait_for()
    assert factor.locator("visible=true").input_value() == "4"
    monkeypatch.setattr(export, "MAX_BYTES", 1)
    tab.get_by_label("Kind of file").locator("visible=true").click()
    tab.get_by_role("option", name="GIF").click()
    tab.wait_for_function("""[...document.querySelectorAll(".interpolate input[aria-label*=Enlarged]")]
        .some((one) => one.checkVisibility() && one.value === "1")""")


def test_nobody_asks_how_large_a_file_would_be_while_the_panel_is_closed(interpolate, served):
    tab, asked = interpolate("?tab=interpolate&num_steps=2"), []

    def note(request):
        if "queue/join" in request.url:
            asked.append(served[2].fns[request.post_data_json["fn_index"]].name)

    tab.on("request", note)

    def walk(frames):
        tab.get_by_label("number input for Frames from stop to stop").fill(str(frames))
        visible(tab, ".run-button").click()
        visible(tab, ".status").get_by_text(f"{frames} frames with").wait_for()
        tab.wait_for_timeout(1000)

    walk(3)
    assert "interpolate_seeds" in asked and "fit" not in asked
    panel = visible(tab, "button").get_by_text("Export", exact=True)
    panel.click()
    visible(tab, ".file-size").get_by_text("Less than 0.1 MB").wait_for()
    walk(4)
    num_asked = asked.count("fit")
    assert num_asked > 1
    panel.click()
    walk(5)
    assert asked.count("fit") == num_asked


@pytest.mark.parametrize("pointer", ["mouse", "touch"])
def test_a_drag_across_the_film_walks_along_its_frames(interpolate, pointer):
    tab = interpolate("?tab=interpolate&seeds=3,8&frames=11&num_steps=1", width=390, height=844, has_touch=True)
    film, position = visible(tab, ".film canvas"), visible(tab, ".position")
    visible(tab, ".status").get_by_text("11 frames").wait_for()  # and not a film that ships
    film.wait_for()
    film.scroll_into_view_if_needed()
    box, device = film.bounding_box(), tab.context.new_cdp_session(tab)

    def touch(kind, *points):
        told = [{"x": box["x"] + box["width"] * x, "y": box["y"] + box["height"] * y} for x, y in points]
        if pointer == "touch":
            device.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": told})
        elif kind == "End":
            tab.mouse.up()
        else:
            tab.mouse.move(*told[0].values())
            if kind == "Start":
                tab.mouse.down()

    scrolled = tab.evaluate("scrollY")
    touch("Start", (0.5, 0.5))
    for across, frame in ((0.48, "5"), (0.2, "2"), (0.9, "9"), (0.0, "0"), (0.7, "7")):
        touch("Move", (across, 0.5))
        tab.wait_for_function(
            "frame => document.querySelector('.interpolate .player .position').value === frame", arg=frame
        )
    touch("End")
    tab.wait_for_timeout(300)
    assert position.input_value() == "7"  # nor does it play on
    assert visible(tab, ".play").get_attribute("aria-label") == "Play"
    assert tab.evaluate("scrollY") == scrolled
    assert film.evaluate("one => getComputedStyle(one).touchAction") == "pan-y"


def make_plane(interpolate, query=PLANE, **options):
    """A tab with a plane, and where on the page the plane is."""
    tab = interpolate(query, **options)
    visible(tab, ".run-button").click()
    visible(tab, ".status").get_by_text(" pictures with 3 network evaluations").wait_for()
    visible(tab, ".plane-sheet img[src*='ddim-plane']").wait_for()
    visible(tab, ".ring").scroll_into_view_if_needed()
    return tab, visible(tab, ".surface").bounding_box()


def place_in(box, across, down):
    """The place on the page of a point of a plane of 3 x 3 pictures."""
    return box["x"] + box["width"] * (0.5 + 2 * across) / 3, box["y"] + box["height"] * (0.5 + 2 * down) / 3


def wait_for_exact(tab, across, down):
    tab.locator(f".plane-point img[alt*='across {across:g}, down {down:g}']").wait_for()
    visible(tab, ".blend").wait_for(state="hidden")


def test_a_click_on_the_plane_shows_that_point_and_its_address_makes_it_again(interpolate, tmp_path):
    tab = interpolate(PLANE)
    tab.keyboard.press("Control+Enter")
    visible(tab, ".status").get_by_text("9 pictures with 3 network evaluations").wait_for()
    sheet = visible(tab, ".plane-sheet img[src*='ddim-plane']")
    assert sheet.evaluate("one => one.decode().then(() => one.naturalWidth)") == 43 * 24
    assert sheet.evaluate("one => getComputedStyle(one).imageRendering") == "pixelated"
    box = sheet.bounding_box()
    assert box["width"] == pytest.approx(box["height"], abs=1)
    visible(tab, ".surface").click(position={"x": box["width"] / 3, "y": box["height"] * 0.6})
    with tab.expect_download() as download:
        visible(tab, ".plane-point a[download]").click()
    download.value.save_as(tmp_path / "point.png")
    noise = read(tmp_path / "point.png")["noise"]
    across, down = noise["coordinates"]
    assert noise == {"seeds": [1, 2, 3, 4], "coordinates": [across, down], "interpolation": "slerp"}
    assert (across, down) == pytest.approx((0.25, 0.65), abs=0.005)
    assert download.value.suggested_filename == f"ddim-plane-at-{across}-{down}-seeds1to4-3steps.png"
    address = wait_for_address(tab, f"across={across}&down={down}")
    mark = visible(tab, ".ring").bounding_box()
    assert mark["x"] + mark["width"] / 2 == pytest.approx(box["x"] + box["width"] / 3, abs=3)
    assert mark["y"] + mark["height"] / 2 == pytest.approx(box["y"] + box["height"] * 0.6, abs=3)

    again = interpolate(address[address.index("?") :])
    assert again.get_by_label("number input for Across").input_value() == str(across)
    assert again.get_by_label("number input for Down").input_value() == str(down)
    visible(again, ".plane-point img").wait_for()
    assert visible(again, ".plane-sheet img").count() == 0
    pictures = [pixels_of(one, ".plane-point img", tmp_path / "point.png") for one in (tab, again)]
    np.testing.assert_array_equal(*pictures)


def test_the_picture_follows_while_the_plane_is_dragged_blended_from_its_neighbours(interpolate, tmp_path):
    tab, box = make_plane(interpolate)
    cells = pixels_of(tab, ".plane-sheet img", tmp_path / "sheet.png")[::43, ::43].reshape(3, 8, 3, 8, 3)
    tab.evaluate("document.querySelector('.plane-draft').remove()")
    tab.mouse.move(*place_in(box, 0.1, 0.1))
    tab.mouse.down()
    for across, down in ((0.375, 0.125), (0.5, 1), (1, 0), (0.7, 0.9)):
        tab.mouse.move(*place_in(box, across, down))
        shown = tab.evaluate("""() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
            const canvas = document.querySelector(".blend canvas");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            done({ pixels: [...data], told: document.querySelector(".ring").getAttribute("aria-valuetext") });
        })))""")
        across, down = (float(part.split()[1]) for part in shown["told"].split(","))
        weights = [np.maximum(0, 1 - np.abs(np.arange(3) - 2 * one)) for one in (down, across)]
        expected = np.einsum("r,c,rhcwd->hwd", *weights, cells.astype(float))
        side = round((len(shown["pixels"]) / 4) ** 0.5)
        pixels = np.array(shown["pixels"]).reshape(side, side, 4)[21::43, 21::43, :3]
        np.testing.assert_allclose(pixels, expected, atol=4)
    tab.mouse.up()
    wait_for_exact(tab, across, down)
    assert (across, down) == pytest.approx((0.7, 0.9), abs=0.005)
    wait_for_address(tab, f"across={across}&down={down}")


def test_while_dragging_one_question_is_under_way_and_the_newest_is_answered(interpolate, monkeypatch):
    SlowEngine(monkeypatch, seconds=0.7)
    tab, box = make_plane(interpolate)
    questions = []
    tab.on("request", lambda request: questions.append(request) if "queue/join" in request.url else None)
    tab.mouse.move(*place_in(box, 0.1, 0.1))
    tab.mouse.down()
    for across in np.linspace(0.1, 0.9, 9):
        tab.mouse.move(*place_in(box, across, 0.5))
        tab.wait_for_timeout(100)
    across = float(visible(tab, ".ring").get_attribute("aria-valuenow"))
    tab.locator(f".plane-draft img[data-across='{across:g}']").wait_for(state="attached")
    assert across == pytest.approx(0.9, abs=0.005)
    assert len(questions) == 2
    tab.mouse.up()
    wait_for_exact(tab, across, 0.5)


@pytest.mark.parametrize("pointer", ["mouse", "pen", "touch"])
def test_mouse_pen_and_finger_do_the_same(interpolate, pointer):
    tab, box = make_plane(interpolate, width=390, height=844)
    device, scrolled = tab.context.new_cdp_session(tab), tab.evaluate("scrollY")

    def send(kind, x, y):
        if pointer == "touch":
            name = {"Pressed": "touchStart", "Moved": "touchMove", "Released": "touchEnd"}[kind]
            points = [{"x": x, "y": y}] if kind != "Released" else []
            device.send("Input.dispatchTouchEvent", {"type": name, "touchPoints": points})
        else:
            told = {"button": "left", "buttons": int(kind != "Released"), "clickCount": 1, "pointerType": pointer}
            device.send("Input.dispatchMouseEvent", {"type": f"mouse{kind}", "x": x, "y": y, **told})

    for kind, place in (("Pressed", 0.25), ("Moved", 0.5), ("Moved", 0.75)):
        send(kind, *place_in(box, place, place))
    tab.wait_for_function("document.querySelector('.ring').ariaValueNow > 0.7")
    assert visible(tab, ".blend").count() == 1
    told = visible(tab, ".ring").get_attribute("aria-valuetext")
    send("Released", *place_in(box, 0.75, 0.75))
    across, down = (float(part.split()[1]) for part in told.split(","))
    assert (across, down) == pytest.approx((0.75, 0.75), abs=0.01)
    wait_for_exact(tab, across, down)
    assert tab.evaluate("scrollY") == scrolled


def test_the_plane_is_reached_and_moved_by_keys(interpolate):
    tab, _ = make_plane(interpolate)
    ring = visible(tab, ".ring")
    assert ring.get_attribute("role") == "slider" and "arrow keys" in ring.get_attribute("aria-label")
    visible(tab, ".plane-sheet a[download]").focus()
    for _ in range(4):
        tab.keyboard.press("Tab")
        if ring.evaluate("one => one === document.activeElement"):
            break
    assert ring.evaluate("one => one.matches(':focus-visible')")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowUp")
    assert ring.get_attribute("aria-valuetext") == "across 0.52, down 0.48"
    wait_for_exact(tab, 0.52, 0.48)
    tab.keyboard.press("Shift+ArrowLeft")
    tab.keyboard.press("Shift+ArrowDown")
    wait_for_exact(tab, 0.02, 0.98)
    assert ring.get_attribute("aria-valuenow") == "0.02"
    wait_for_address(tab, "across=0.02&down=0.98")


def test_the_point_that_the_sliders_say_is_shown_by_enter(interpolate):
    tab, _ = make_plane(interpolate)
    tab.get_by_label("number input for Across").fill("0.25")
    button = visible(tab, "button").get_by_text("Show this point")
    button.focus()
    tab.keyboard.press("Enter")
    wait_for_exact(tab, 0.25, 0.5)
    wait_for_address(tab, "across=0.25&down=0.5")
    assert button.evaluate("one => one === document.activeElement")


def test_the_sliders_move_the_ring(interpolate):
    tab, box = make_plane(interpolate)
    tab.get_by_label("number input for Across").fill("0.25")
    tab.locator(".ring[aria-valuetext='across 0.25, down 0.5']").wait_for()
    ring = visible(tab, ".ring").bounding_box()
    assert ring["x"] + ring["width"] / 2 == pytest.approx(place_in(box, 0.25, 0.5)[0], abs=1)


def test_coordinates_of_an_address_are_kept_to_the_last_digit(interpolate):
    tab = interpolate(f"{PLANE}&across=0.14285714285714285&down=0.1234567")
    visible(tab, "button").get_by_text("Show this point").click()
    wait_for_address(tab, "across=0.14285714285714285&down=0.1234567")


def test_too_few_corners_are_one_clear_sentence(interpolate):
    tab = interpolate(PLANE.replace("1,2,3,4", "1,2,3"))
    # The address has asked for it already.
    tab.get_by_text("A plane has 4 seeds as its corners, but 3 were given.").wait_for()
    visible(tab, ".run-button").wait_for()


def test_each_mode_shows_its_own_settings_and_brings_seeds_to_begin_with(interpolate):
    tab = interpolate("?tab=interpolate")
    seeds, frames = visible(tab, ".settings textarea"), visible(tab, "input[aria-label*='Frames from']").first
    assert seeds.input_value() == "3,8" and frames.is_visible()
    assert visible(tab, "fieldset").get_by_text("Path", exact=True).count() == 1
    tab.get_by_label("Plane between four seeds").check()
    tab.wait_for_function("document.querySelector('.interpolate .settings textarea').value === '3,8,21,5'")
    assert frames.count() == 0
    seeds.fill("7,8")
    tab.get_by_label("Walk from seed to seed").check()
    frames.wait_for()
    assert seeds.input_value() == "7,8"


def test_an_address_of_a_plane_without_seeds_brings_seeds_to_begin_with(interpolate):
    tab = interpolate("?tab=interpolate&mode=plane&size=2&num_steps=1")
    tab.wait_for_function("document.querySelector('.interpolate .settings textarea').value === '3,8,21,5'")
    visible(tab, ".run-button").click()
    visible(tab, ".status").get_by_text("4 pictures with 1 network evaluations").wait_for()


@pytest.mark.parametrize("mode", ["walk", "plane"])
def test_all_of_it_fits_on_a_phone_at_night(interpolate, mode):
    query = {"__theme": "dark", "tab": "interpolate", "mode": mode, "seeds": "1,2,3,4", "size": 3, "frames": 3}
    tab = interpolate("?" + urlencode({**query, "num_steps": 2}), width=390)
    visible(tab, ".run-button").click()
    visible(tab, "canvas" if mode == "walk" else ".plane-sheet img").wait_for()
    if mode == "plane":
        visible(tab, ".status").get_by_text("9 pictures").wait_for()
        visible(tab, ".surface").click()
        visible(tab, ".plane-point img").wait_for()
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.evaluate("document.body.classList.contains('dark')")
