"""The tab Animate as its visitors meet it."""

import re
import time
from pathlib import Path

import numpy as np
import pytest
from decoding import decode

from ddim.diffusion.sampling import SampleConfig
from ddim.making.film import animate, frame_of
from ddim.media.embedded import read
from ddim.ui.models import load_model

SHOWN = """canvas => {
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return {shape: [canvas.height, canvas.width, 4], data: [...data]};
}"""


def pixels(canvas):
    """What a canvas shows, (H, W, 3)."""
    shown = canvas.evaluate(SHOWN)
    return np.array(shown["data"]).reshape(shown["shape"])[..., :3]


def visible(tab, selector):
    return tab.locator(selector).locator("visible=true")


def position(tab):
    return tab.locator("#animation .position")


def wait_for_step(tab, text):
    tab.wait_for_function(
        "text => document.querySelector('#animation .position').getAttribute('aria-valuetext') === text", arg=text
    )


def run(tab):
    """Animate, and wait until the film is there and nothing more is to come."""
    visible(tab, ".run-button").click()
    wait_for_address(tab, "?tab=animate")
    visible(tab, ".run-button").wait_for()
    tab.wait_for_function("!document.querySelector('#animation .position').disabled")
    latest = [time.monotonic()]
    tab.on("request", lambda _: latest.append(time.monotonic()))
    while time.monotonic() < latest[-1] + 1:  # the panel for export hears of the film last
        tab.wait_for_timeout(100)


def wait_for_address(tab, part):
    tab.wait_for_function(
        "part => [...document.querySelectorAll('.again textarea')].some((one) => one.value.includes(part))", arg=part
    )


def errors(tab):
    """What goes wrong in the page from now on, as it comes."""
    told = []
    tab.on("console", lambda message: message.type == "error" and told.append(message.text))
    tab.on("pageerror", lambda error: told.append(str(error)))
    return told


def test_a_film_plays_and_is_stepped_through_without_asking_the_server(open_tab, served):
    tab = open_tab("?tab=animate&seeds=7,3&num_steps=12")
    told = errors(tab)
    run(tab)
    play, frames = tab.get_by_role("button", name="Pause"), tab.locator("#animation canvas")
    play.wait_for()
    requests = []
    tab.on("request", lambda request: requests.append(request.url))
    wait_for_step(tab, "step 9 of 12")
    play.focus()
    tab.keyboard.press("Space")
    tab.get_by_role("button", name="Play").wait_for()

    steps = list(animate(load_model(served[1], Path(served[1]).parent), [7, 3], SampleConfig(num_steps=12)))
    position(tab).focus()
    for key, index in (("Home", 0), ("ArrowRight", 1), ("End", 11), ("ArrowLeft", 10)):
        tab.keyboard.press(key)
        wait_for_step(tab, f"step {index + 1} of 12")
        assert np.abs(pixels(frames) - frame_of(steps[index])).max() <= 1
    position(tab).evaluate("one => { one.value = 5; one.dispatchEvent(new Event('input')); }")
    assert np.abs(pixels(frames) - frame_of(steps[5])).max() <= 1
    assert requests == [] and told == []


def test_the_schedule_and_the_inside_of_a_step_follow_the_film(open_tab, served):
    tab = open_tab("?tab=animate&seeds=7,3&num_steps=12")
    run(tab)
    position(tab).focus()
    tab.keyboard.press("Home")
    numbers = tab.locator(".inside-step dd")
    assert numbers.all_inner_texts() == ["1.000", "0.020", "1.000"]
    marker = tab.locator(".inside-step .marker")
    before = marker.bounding_box()["x"]
    tab.keyboard.press("End")
    assert numbers.all_inner_texts()[0] == "0.083"
    assert marker.bounding_box()["x"] > before + 100
    assert "= 0.91 ×" in " ".join(tab.locator(".inside-step .equation").inner_text().split())

    tab.get_by_label("Picture to look into").select_option("seed 3")
    frame = pixels(tab.locator("#animation canvas"))
    np.testing.assert_array_equal(pixels(tab.locator(".inside-step .noisy-image")), frame[:8, 8:])
    np.testing.assert_array_equal(pixels(tab.locator(".inside-step .image")), frame[8:, 8:])
    assert pixels(tab.locator(".inside-step .noises")).std() > 20
    tab.locator(".inside-step svg").click()
    assert position(tab).input_value() in ("5", "6")


def stop(tab):
    return tab.locator(".tour h3").inner_text()


def wait_for_stop(tab, text):
    tab.wait_for_function("text => document.querySelector('.tour h3').innerText === text", arg=text)


def test_a_tour_of_four_stops_leads_the_film_by_keys_and_by_buttons(open_tab):
    tab = open_tab("?tab=animate&seeds=7,3&num_steps=6")
    told = errors(tab)
    tab.get_by_role("button", name="How it works, in four stops").click()  # which makes the film that it needs
    wait_for_stop(tab, "1 of 4: Noise")
    tab.wait_for_function("!document.querySelector('#animation .position').disabled")
    wait_for_step(tab, "step 1 of 6")
    assert "Seed 7 is this noise" in tab.locator(".tour p").inner_text()
    for title, step in (("Guess", 1), ("Mix", 2)):
        tab.keyboard.press("ArrowRight")
        assert stop(tab).endswith(title)
        wait_for_step(tab, f"step {step} of 6")
    tab.keyboard.press("ArrowLeft")
    assert stop(tab) == "2 of 4: Guess"
    opacity = "one => getComputedStyle(one).opacity"
    tab.wait_for_function(f"Number(({opacity})(document.querySelector('.equation .noises'))) === 0.25")
    tab.wait_for_function(f"Number(({opacity})(document.querySelector('.equation .image'))) === 1")
    tab.get_by_role("button", name="Next").click()
    tab.get_by_role("button", name="Next").click()
    assert stop(tab) == "4 of 4: Repeat" and "After 6 steps" in tab.locator(".tour p").inner_text()
    tab.get_by_role("button", name="Pause").wait_for()
    wait_for_step(tab, "step 6 of 6")
    assert tab.get_by_role("button", name="Next").is_disabled()
    tab.keyboard.press("ArrowLeft")  # though the button that had the focus can have it no longer
    assert stop(tab) == "3 of 4: Mix"
    tab.get_by_role("button", name="Close").click()
    assert not tab.locator(".tour").is_visible()
    assert told == []


def test_with_less_motion_the_tour_ends_at_the_last_step_and_plays_nothing(open_tab):
    tab = open_tab("?tab=animate&seeds=7&num_steps=4")
    tab.emulate_media(reduced_motion="reduce")
    run(tab)
    tab.get_by_role("button", name="How it works, in four stops").click()
    wait_for_step(tab, "step 1 of 4")
    for _ in range(3):
        tab.keyboard.press("ArrowRight")
    wait_for_step(tab, "step 4 of 4")
    tab.get_by_role("button", name="Play").wait_for()


def test_while_it_forms_each_step_is_seen_and_escape_stops_it(open_tab, slow_engine):
    tab = open_tab("?tab=animate&seeds=0-4&num_steps=90")
    tab.keyboard.press("Control+Enter")
    frames = tab.locator("#animation canvas")
    frames.wait_for()
    before = position(tab).input_value()
    tab.wait_for_function("before => document.querySelector('#animation .position').value !== before", arg=before)
    assert position(tab).is_disabled()
    assert len(frames.get_attribute("aria-label")) > 20
    tab.keyboard.press("Escape")
    tab.get_by_text("Stopped.").wait_for()
    assert slow_engine.has_stopped(num_images=5)


def test_a_preset_is_set_by_one_click(open_tab):
    tab = open_tab("?tab=animate&solver=unipc")
    tab.get_by_role("button", name="Stochastic, 80 steps").click()
    tab.get_by_role("button", name="Advanced").locator("visible=true").click()
    values = [visible(tab, f"[aria-label^='number input for {name}']").input_value() for name in ("Steps", "Eta")]
    assert values == ["80", "1"]
    assert visible(tab, "input[aria-label='Solver']").input_value() == "DDIM"


def test_the_picture_looked_at_is_the_one_that_is_told_of_and_the_film_is_taken_away(open_tab, tmp_path):
    tab = open_tab("?tab=animate&seeds=7,3&num_steps=4")
    run(tab)
    visible(tab, ".finished-pictures .thumbnail-item").nth(1).click()
    wait_for_address(tab, "?tab=animate&seeds=3&")
    visible(tab, "button:has-text('Export')").click()
    visible(tab, "button:has-text('Make the file')").click()
    with tab.expect_download() as download:
        visible(tab, "a[download]").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == "ddim-animate-seeds7-3-4steps.mp4"
    assert read(path)["seeds"] == [7, 3]
    assert len(decode(path, 64, 64)) > 4  # some stay


def test_nothing_moves_for_those_who_want_less_of_it(open_tab):
    tab = open_tab("?tab=animate&seeds=7&num_steps=5")
    tab.emulate_media(reduced_motion="reduce")
    run(tab)
    assert position(tab).get_attribute("aria-valuetext") == "step 5 of 5"
    tab.get_by_role("button", name="Play").wait_for()


@pytest.mark.parametrize(("theme", "width"), [("light", 390), ("dark", 1024)])
def test_everything_is_in_sight_on_every_screen(open_tab, theme, width):
    tab = open_tab(f"?tab=animate&seeds=0-11&num_steps=3&__theme={theme}", width=width)
    told = errors(tab)
    run(tab)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    canvas = tab.locator("#animation canvas")
    assert canvas.evaluate("one => getComputedStyle(one).imageRendering") == "pixelated"
    right = [one.bounding_box() for one in visible(tab, "#animation *, .inside-step *").all()]
    assert max(box["x"] + box["width"] for box in right) <= width
    assert re.match("Noisy pictures", canvas.get_attribute("aria-label"))
    assert told == []
