"""The tab Generate as its visitors meet it."""

import re
import zipfile
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

import ddim
from ddim.media.embedded import read
from ddim.model.weights import FIRST, WEIGHTS_DIR

UNIPC = {"solver": "unipc", "node_placement": "inclusive"}


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


@pytest.fixture
def new_tab(browser, served):
    """A tab of a browser with these options, in which nothing is open yet."""
    contexts = []

    def new_tab(**options):
        contexts.append(browser.new_context(viewport={"width": 1600, "height": 950}, **options))
        tab = contexts[-1].new_page()
        tab.set_default_timeout(20_000)
        return tab

    yield new_tab
    for context in contexts:
        context.close()


def test_at_first_the_flowers_form_out_of_noise_where_they_stand(new_tab, served):
    tab = new_tab()
    tab.add_init_script(
        """window.seen = [];
        setInterval(() => {
            const cell = document.querySelector('.stage .noisy canvas');
            if (!cell?.checkVisibility() || cell.width !== 64) return;
            window.seen.push([...cell.getContext('2d').getImageData(0, 0, 64, 64).data]);
        }, 100)"""
    )
    tab.goto(served[0])
    first = tab.locator(".gallery .thumbnail-item").first
    first.wait_for()
    tab.wait_for_function("document.querySelector('.shown [value=finished]').checked")
    with Image.open(WEIGHTS_DIR / f"{FIRST}.png") as sheet:
        finished = np.asarray(sheet.convert("RGB")).astype(int)[:64, :64]
    seen = [np.reshape(one, (64, 64, 4))[..., :3] for one in tab.evaluate("window.seen")]
    distances = [np.abs(one - finished).mean() for one in seen]
    assert len(distances) > 3 and distances[0] > distances[-1] + 20
    assert distances[-1] < distances[0] / 2


def test_with_less_motion_the_flowers_stand_there_at_once_and_no_film_is_fetched(new_tab, served):
    tab = new_tab(reduced_motion="reduce")
    fetched = []
    tab.on("request", lambda request: fetched.append(request.url))
    tab.goto(served[0])
    tab.locator(".gallery .thumbnail-item").first.wait_for()
    assert shown(tab)["finished"].is_checked()
    assert [address for address in fetched if "forming" in address] == []


def test_a_film_that_does_not_come_keeps_nobody_waiting(new_tab, served):
    tab = new_tab()
    tab.route(re.compile("forming.webp"), lambda route: None)  # it is never answered
    tab.goto(served[0])
    run_button(tab).wait_for()
    tab.locator(".gallery .thumbnail-item").first.wait_for()
    assert captions(tab) == [f"seed {seed}" for seed in range(16)]


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


def shown(tab):
    """The choices of the stage, by what they show."""
    return {name: tab.locator(f".shown input[value={name}]") for name in ("noisy", "guess", "both", "finished")}


def show(tab, name):
    tab.locator(f".shown label:has(input[value={name}])").click()


def boxes(tab, selector):
    """Where the elements that match are, in whole pixels: left, top, width, height."""
    return tab.locator(selector).evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(({x, y, width, height}) => "
        "[x, y, width, height].map(Math.round))"
    )


DRAWN = """canvases => [...canvases].map(one =>
    [...one.getContext("2d").getImageData(0, 0, one.width, one.height).data].filter((_, place) => place % 4 < 3))"""


@pytest.mark.parametrize("width", [390, 1600])
def test_pictures_form_where_the_finished_ones_will_stand(open_tab, slow_engine, width):
    tab = open_tab("?num_images=16&num_steps=60", width=width)
    setting(tab, "Seed").fill("3")
    tab.locator(".stage .opening").wait_for(state="detached")
    before, stage = boxes(tab, ".gallery .thumbnail-item img"), boxes(tab, ".stage")
    run_button(tab).click()
    tab.locator(".stage .noisy figcaption", has_text="seed 18").wait_for()
    assert boxes(tab, ".stage .noisy canvas") == before
    assert boxes(tab, ".stage") == stage
    assert tab.locator(".stage .noisy figcaption").all_inner_texts() == [f"seed {seed}" for seed in range(3, 19)]
    assert shown(tab)["finished"].is_disabled()
    wait_for_captions(tab, [f"seed {seed}" for seed in range(3, 19)])
    tab.locator(".gallery .thumbnail-item").first.wait_for()
    assert boxes(tab, ".gallery .thumbnail-item img") == before
    assert boxes(tab, ".stage") == stage


def test_what_forms_is_seen_as_the_visitor_likes_it(open_tab, served, slow_engine):
    tab = open_tab("?seed=7&num_images=5&num_steps=60")
    run_button(tab).click()
    noisy, guess = tab.locator(".stage .noisy canvas"), tab.locator(".stage .guess canvas")
    noisy.first.wait_for()
    assert not guess.first.is_visible()
    show(tab, "both")
    guess.first.wait_for()
    assert noisy.first.bounding_box()["y"] == guess.first.bounding_box()["y"]
    show(tab, "guess")
    assert not noisy.first.is_visible()
    before = guess.evaluate_all(DRAWN)
    tab.wait_for_function(
        f"before => String(({DRAWN})(document.querySelectorAll('.guess canvas'))) !== before",
        arg=",".join(str(level) for one in before for level in one),
    )
    wait_for_captions(tab, [f"seed {seed}" for seed in range(7, 12)])
    assert shown(tab)["finished"].is_checked()
    show(tab, "guess")
    expected = ddim.generate(ddim.load(served[1]), range(7, 12), num_steps=60, **UNIPC)
    drawn = np.reshape(guess.evaluate_all(DRAWN), expected.shape)
    assert np.abs(drawn - expected.astype(int)).max() <= 1


def test_the_view_that_was_chosen_is_the_one_of_the_next_run(open_tab, slow_engine):
    tab = open_tab("?seed=3&num_images=2&num_steps=20")
    run_button(tab).click()
    tab.locator(".stage .noisy canvas").first.wait_for()
    show(tab, "both")
    run_button(tab).wait_for()
    run_button(tab).click()
    tab.locator(".stage .guess canvas").first.wait_for()
    assert shown(tab)["both"].is_checked()


def test_stop_keeps_the_pictures_that_were_there_and_what_is_told_of_them(open_tab, slow_engine):
    tab = open_tab("?seed=7&num_images=3&num_steps=5")
    run_button(tab).click()
    wait_for_captions(tab, ["seed 7", "seed 8", "seed 9"])
    tab.wait_for_function("document.querySelector('.again textarea')?.value.includes('seed=7&')")
    address = tab.locator(".again textarea").input_value()
    pictures = tab.locator(".gallery img").evaluate_all("all => all.map(one => one.src)")
    run_button(tab).wait_for()
    setting(tab, "Seed").fill("40")
    tab.get_by_label("number input for Steps").fill("90")
    run_button(tab).click()
    tab.locator(".stage .noisy canvas").first.wait_for()
    tab.keyboard.press("Escape")
    tab.get_by_text("Stopped.").wait_for()
    tab.locator(".gallery .thumbnail-item").first.wait_for()
    assert captions(tab) == ["seed 7", "seed 8", "seed 9"]
    assert tab.locator(".gallery img").evaluate_all("all => all.map(one => one.src)") == pictures
    assert tab.locator(".again textarea").input_value() == address
    assert shown(tab)["finished"].is_checked()


def test_a_picture_taken_away_is_named_by_its_seed_alone_and_in_the_zip_of_all(open_tab, tmp_path):
    tab = open_tab("?seed=1239&num_images=2&num_steps=2")
    run_button(tab).click()
    wait_for_captions(tab, ["seed 1239", "seed 1240"])
    with tab.expect_download() as all_of_them:
        tab.get_by_label("Download all", exact=False).first.click()
    all_of_them.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.namelist() == ["ddim-seed1239.png", "ddim-seed1240.png"]
    tab.get_by_role("button", name="seed 1240", exact=True).click()
    with tab.expect_download() as one:
        tab.get_by_label("Download", exact=True).click()
    assert one.value.suggested_filename == "ddim-seed1240.png"
    one.value.save_as(tmp_path / "one.png")
    assert read(tmp_path / "one.png")["seed"] == 1240


def test_thumbnails_are_named_by_their_seeds(open_tab):
    tab = open_tab()
    names = [f"seed {seed}" for seed in range(16)]
    thumbnails = "all => all.map(one => one.getAttribute('aria-label'))"
    assert tab.locator(".gallery .grid-container .thumbnail-item").evaluate_all(thumbnails) == names
    tab.get_by_role("button", name="seed 5", exact=True).click()
    tab.locator(".gallery .thumbnails").wait_for()
    assert tab.locator(".gallery .thumbnails .thumbnail-item").evaluate_all(thumbnails) == names


def test_pixels_are_smooth_by_a_switch(open_tab):
    tab = open_tab()
    rendering = "one => getComputedStyle(one).imageRendering"
    picture = tab.locator(".gallery img").first
    assert picture.evaluate(rendering) == "pixelated"
    tab.get_by_label("Smooth").check()
    assert picture.evaluate(rendering) == "auto"
    picture.click()
    enlarged = tab.get_by_label("detailed view of selected image").locator("img")
    assert enlarged.evaluate(rendering) == "auto"


def test_escape_stops_within_one_step_and_only_ones_own(open_tab, slow_engine):
    mine, other = open_tab("?num_images=5&num_steps=90"), open_tab("?seed=0&num_images=2&num_steps=40")
    run_button(mine).click()
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
    tab = open_tab("?seed=0&num_images=3&num_steps=60")
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


def test_the_first_press_makes_flowers_that_are_not_there_yet_and_so_does_the_next(open_tab):
    tab = open_tab("?num_images=2&num_steps=1")
    tab.get_by_role("button", name="Generate 2 new flowers").click()
    tab.wait_for_function("document.querySelectorAll('.gallery .caption-label').length === 2")
    first = setting(tab, "Seed").input_value()
    assert int(first) > 15
    wait_for_captions(tab, [f"seed {first}", f"seed {int(first) + 1}"])
    run_button(tab).click()
    tab.wait_for_function("first => document.querySelector('.seed input').value !== first", arg=first)
    wait_for_captions(tab, [f"seed {int(setting(tab, 'Seed').input_value()) + more}" for more in (0, 1)])


def test_an_address_that_names_a_seed_gives_this_one_and_the_button_says_what_it_does(open_tab):
    tab = open_tab("?seed=0&num_images=1&num_steps=1")
    tab.get_by_role("button", name="Generate 1 flower", exact=True).click()
    wait_for_captions(tab, ["seed 0"])
    run_button(tab).wait_for()
    assert "new_seed" not in tab.locator(".again textarea").input_value()
    tab.get_by_label("New seed every time").check()
    tab.get_by_role("button", name="Generate 1 new flower", exact=True).wait_for()
    tab.get_by_label("number input for Pictures").fill("4")
    tab.get_by_role("button", name="Generate 4 new flowers", exact=True).wait_for()


def test_a_seed_that_is_typed_is_the_one_that_is_made(open_tab):
    tab = open_tab("?num_images=1&num_steps=1")
    setting(tab, "Seed").fill("21")
    tab.get_by_role("button", name="Generate 1 flower", exact=True).click()
    wait_for_captions(tab, ["seed 21"])


def test_how_it_works_is_shown_on_the_picture_looked_at(open_tab):
    tab = open_tab("?seed=7&num_images=3&num_steps=5")
    run_button(tab).click()
    wait_for_captions(tab, ["seed 7", "seed 8", "seed 9"])
    run_button(tab).wait_for()
    tab.get_by_role("button", name="seed 8", exact=True).click()
    tab.wait_for_function("document.querySelector('.again textarea')?.value.includes('seed=8&')")
    tab.locator(".guide").click()
    tab.locator(".tour").wait_for()
    tab.wait_for_function("document.querySelector('.tour p').innerText.startsWith('Seed 8 is this noise')")
    tab.wait_for_function(
        "document.querySelector('#animation .position').getAttribute('aria-valuetext') === 'step 1 of 5'"
    )


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
