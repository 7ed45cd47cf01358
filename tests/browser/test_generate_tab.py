"""The tab Generate as its visitors meet it."""

import re
from urllib.parse import urlencode

import pytest

from ddim.media.embedded import read


def run_button(tab):
    return tab.locator(".run-button")


def captions(tab):
    return tab.locator(".gallery .caption-label").all_inner_texts()


def wait_for_captions(tab, expected):
    tab.wait_for_function(
        "expected => [...document.querySelectorAll('.gallery .caption-label')].map(one => one.innerText.trim()).join()"
        " === expected",
        arg=",".join(expected),
    )


def setting(tab, label):
    return tab.get_by_label(label, exact=True).first


def open_advanced(tab):
    tab.get_by_role("button", name="Advanced").locator("visible=true").click()
    tab.get_by_label(re.compile("number input for Eta")).wait_for()


def test_the_first_screen_shows_flowers(open_tab):
    tab = open_tab()
    assert captions(tab) == [f"seed {seed}" for seed in range(16)]
    assert tab.locator(".gallery img").first.evaluate("one => one.decode().then(() => one.naturalWidth)") == 64


def test_ctrl_enter_generates_and_each_picture_carries_its_recipe(open_tab, served, tmp_path):
    tab = open_tab("?seed=7&num_images=3&num_steps=4&eta=0.5")
    tab.keyboard.press("Control+Enter")
    wait_for_captions(tab, ["seed 7", "seed 8", "seed 9"])
    picture = tab.request.get(tab.locator(".gallery img").nth(1).get_attribute("src"))
    path = tmp_path / "picture.png"
    path.write_bytes(picture.body())
    recipe = read(path)
    assert (recipe["seed"], recipe["num_steps"], recipe["eta"], recipe["weights"]) == (8, 4, 0.5, served[1])
    run_button(tab).wait_for()


def test_while_pictures_form_both_sheets_are_seen(open_tab, slow_engine):
    tab = open_tab("?num_images=5&num_steps=80")
    run_button(tab).click()
    sheets = tab.locator(".live img")
    sheets.nth(1).wait_for()
    assert [len(sheets.nth(place).get_attribute("alt")) > 20 for place in (0, 1)] == [True, True]
    before = sheets.nth(1).get_attribute("src")
    tab.wait_for_function("before => document.querySelectorAll('.live img')[1].src !== before", arg=before)
    tab.keyboard.press("Escape")
    run_button(tab).wait_for()


def test_escape_stops_within_one_step_and_only_ones_own(open_tab, slow_engine):
    mine, other = open_tab("?num_images=5&num_steps=90"), open_tab("?num_images=2&num_steps=40")
    run_button(mine).click()
    run_button(other).click()
    slow_engine.wait_for(num_images=5, calls=4)
    mine.keyboard.press("Escape")
    mine.get_by_text("Stopped.").wait_for()
    assert slow_engine.has_stopped(num_images=5)
    assert slow_engine.calls(num_images=5) < 60
    run_button(mine).wait_for()
    wait_for_captions(other, ["seed 0", "seed 1"])
    assert slow_engine.calls(num_images=2) == 40


def test_a_closed_tab_stops_its_work(open_tab, slow_engine):
    tab = open_tab("?num_images=5&num_steps=100")
    run_button(tab).click()
    slow_engine.wait_for(num_images=5, calls=4)
    tab.close()
    slow_engine.wait_for_stop(num_images=5)
    assert slow_engine.calls(num_images=5) < 90


def test_after_a_stop_one_can_generate_again(open_tab, slow_engine):
    tab = open_tab("?num_images=3&num_steps=60")
    run_button(tab).click()
    slow_engine.wait_for(num_images=3, calls=3)
    tab.locator(".stop-button").click()
    run_button(tab).click()
    wait_for_captions(tab, ["seed 0", "seed 1", "seed 2"])


def test_the_dice_throws_a_seed_and_the_switch_one_for_every_run(open_tab):
    tab = open_tab("?seed=0&num_images=1&num_steps=1")
    tab.locator(".dice").click()
    tab.wait_for_function("document.querySelector('.seed input').value !== '0'")
    thrown = setting(tab, "Seed").input_value()
    assert 0 < int(thrown) < 2**32
    run_button(tab).click()
    wait_for_captions(tab, [f"seed {thrown}"])
    tab.get_by_label("New seed every time").check()
    run_button(tab).wait_for()
    run_button(tab).click()
    tab.wait_for_function("thrown => document.querySelector('.seed input').value !== thrown", arg=thrown)
    wait_for_captions(tab, [f"seed {setting(tab, 'Seed').input_value()}"])


def test_eta_can_be_set_only_where_it_means_something(open_tab):
    tab = open_tab("?eta=0.5")
    open_advanced(tab)
    eta = tab.get_by_label(re.compile("number input for Eta"))
    tab.wait_for_function(
        "(({disabled, value}) => !disabled && value === '0.5')"
        "(document.querySelector('input[aria-label^=\"number input for Eta\"]'))"
    )
    setting(tab, "Solver").click()
    tab.get_by_role("option", name="UniPC-2").click()
    tab.wait_for_function("document.querySelector('input[aria-label^=\"number input for Eta\"]').disabled")
    assert eta.input_value() == "0"


def test_an_address_restores_its_settings_and_is_shown_again(open_tab, served):
    query = {"tab": "generate", "seed": 7, "num_images": 2, "num_steps": 3, "solver": "unipc", "eta": 0.0}
    query |= {"weights": served[1], "min_signal_rate": 0.1}
    tab = open_tab("?" + urlencode(query))
    run_button(tab).click()
    wait_for_captions(tab, ["seed 7", "seed 8"])
    tab.wait_for_function("document.querySelector('.again textarea')?.value.includes('seed=7&')")
    address = tab.locator(".again textarea").input_value()
    assert "solver=unipc" in address and "num_steps=3" in address and "min_signal_rate=0.1" in address
    again = open_tab(address[address.index("?") :])
    assert setting(again, "Seed").input_value() == "7"
    assert again.get_by_label("number input for Steps").input_value() == "3"
    open_advanced(again)
    assert setting(again, "Solver").input_value() == "UniPC-2"


def test_a_wrong_address_is_told_in_one_sentence_and_runs_nothing_of_it(open_tab):
    tab = open_tab("?num_steps=0&solver=<img src=x onerror=alert(1)>&seed=5")
    tab.get_by_text("Ignored: num_steps, solver. These settings have values that are not possible here.").wait_for()
    assert setting(tab, "Seed").input_value() == "5"
    assert tab.get_by_label("number input for Steps").input_value() == "10"


def test_the_tutorials_way_of_sampling_is_one_click_away(open_tab):
    tab = open_tab()
    open_advanced(tab)
    assert setting(tab, "Solver").input_value() == "UniPC-2"
    assert tab.get_by_label("number input for Eta").is_disabled()
    tab.get_by_role("button", name="Reference").click()
    tab.wait_for_function("document.querySelector('[aria-label=\"number input for Steps\"]')?.value === '20'")
    assert setting(tab, "Solver").input_value() == "DDIM"
    tab.wait_for_function("!document.querySelector('[aria-label^=\"number input for Eta\"]').disabled")
    run_button(tab).click()
    tab.wait_for_function("document.querySelector('.again textarea')?.value.includes('solver=ddim')")
    assert "num_steps=20" in tab.locator(".again textarea").input_value()
    assert "node_placement=reference" in tab.locator(".again textarea").input_value()


def test_a_wrong_setting_is_told_in_one_sentence_and_the_button_comes_back(open_tab):
    tab = open_tab()
    setting(tab, "Seed").fill("-1")
    run_button(tab).click()
    tab.get_by_text("Seed must be a whole number from 0 to 4294967295, but is -1.").wait_for()
    run_button(tab).wait_for()
    assert captions(tab) == [f"seed {seed}" for seed in range(16)]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1024, 1600])
def test_pictures_are_crisp_and_in_sight_on_every_screen(open_tab, theme, width):
    tab = open_tab(f"?__theme={theme}", width=width)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.evaluate("document.body.classList.contains('dark')") == (theme == "dark")
    picture = tab.locator(".gallery img").first
    assert picture.evaluate("one => getComputedStyle(one).imageRendering") == "pixelated"
    gallery, settings = tab.locator(".gallery").bounding_box(), tab.locator(".settings").bounding_box()
    if width == 390:
        assert gallery["y"] + gallery["height"] <= settings["y"]
    else:
        assert gallery["x"] >= settings["x"] + settings["width"]
    assert gallery["y"] < 600
