"""What goes from tab to tab, comes back from files and addresses, and is still there after a reload."""

import pytest
from PIL import Image


def wait_for_result(tab):
    tab.get_by_text("network evaluations in").locator("visible=true").wait_for()


def wait_for_address(tab, part):
    """Until the address bar, and with it the tab's own column, is about this result."""
    tab.wait_for_function("part => location.search.includes('sha=') && location.search.includes(part)", arg=part)


def captions(tab):
    return [text for text in tab.locator(".gallery .caption-label:visible").all_inner_texts() if text]


def value(tab, label):
    return tab.get_by_label(label, exact=True).locator("visible=true").first.input_value()


def wait_for_value(tab, label, expected):
    tab.wait_for_function(
        "([label, expected]) => [...document.querySelectorAll('input, textarea')].some((one) => one.checkVisibility() "
        "&& one.value === expected && (one.ariaLabel === label || one.closest('label')?.innerText.includes(label)))",
        arg=[label, expected],
    )


def test_an_address_shows_what_was_shared(open_tab):
    tab = open_tab("?seed=5&num_images=2&num_steps=3&solver=ddim&eta=0.5")
    wait_for_address(tab, "seed=5&num_images=2")
    assert captions(tab) == ["seed 5", "seed 6"]
    assert "eta=0.5" in tab.locator(".again textarea:visible").first.input_value()
    assert "range(5, 7)" in tab.locator(".again .cm-content:visible").inner_text()


def test_the_address_of_a_walk_shows_its_film(open_tab):
    tab = open_tab("?tab=interpolate&seeds=3,8&frames=4&num_steps=2")
    wait_for_address(tab, "seeds=3,8")
    assert tab.locator(".player .film canvas:visible").count() == 1


def test_an_address_of_many_pictures_asks_first(open_tab, slow_engine):
    tab = open_tab("?seed=5&num_images=17&num_steps=2")
    ask = tab.get_by_role("button", name="Show these 17 pictures")
    ask.wait_for()
    assert captions(tab) == []
    assert slow_engine.calls(17) == 0
    ask.click()
    wait_for_address(tab, "num_images=17")
    assert len(captions(tab)) == 17


def test_an_address_without_a_seed_makes_nothing(open_tab):
    tab = open_tab("?tab=animate&num_steps=3")
    tab.wait_for_function(
        "[...document.querySelectorAll('input')].some((one) => one.checkVisibility() && one.value === '3')"
    )
    assert tab.locator(".run-button:visible").count() == 1
    assert tab.get_by_text("network evaluations in").count() == 0


def test_an_earlier_result_has_its_seed_though_each_press_draws_a_new_one(open_tab):
    tab = open_tab("?seed=5&num_images=1&num_steps=3")
    wait_for_address(tab, "seed=5")
    tab.get_by_label("New seed every time").check()
    tab.locator(".run-button:visible").click()
    tab.wait_for_function("location.search.includes('sha=') && !location.search.includes('seed=5&')")
    tab.locator(".history .back:visible").last.click()
    wait_for_address(tab, "seed=5&")
    assert captions(tab) == ["seed 5"]


def test_a_reload_brings_the_last_result_back(open_tab):
    tab = open_tab("?")
    tab.get_by_label("Seed", exact=True).fill("12")
    tab.get_by_label("number input for Pictures").fill("2")
    tab.locator(".run-button:visible").click()
    wait_for_address(tab, "seed=12&num_images=2")
    tab.reload()
    tab.wait_for_function("document.querySelectorAll('.gallery .caption-label').length === 2")
    assert captions(tab) == ["seed 12", "seed 13"]


def test_the_address_bar_is_about_the_tab_in_sight(open_tab):
    tab = open_tab("?seed=5&num_images=1&num_steps=3&__theme=dark")
    wait_for_address(tab, "seed=5")
    tab.get_by_role("tab", name="Train").click()
    tab.wait_for_function("location.search === '?tab=train&__theme=dark'")
    tab.get_by_role("tab", name="Generate").click()
    wait_for_address(tab, "seed=5")
    assert "__theme=dark" in tab.url


def test_a_picture_that_is_looked_at_goes_to_another_tab_which_shows_it(open_tab):
    tab = open_tab("?seed=5&num_images=3&num_steps=4&solver=ddim&eta=0.5")
    wait_for_address(tab, "seed=5")
    tab.locator(".gallery img").nth(2).click()
    tab.wait_for_function("document.querySelector('.again textarea').value.includes('seed=7&num_images=1')")
    tab.get_by_role("button", name="Animate").locator("visible=true").click()
    wait_for_address(tab, "tab=animate&seeds=7")
    wait_for_value(tab, "Seeds", "7")
    assert value(tab, "number input for Steps") == "4"
    assert "In place of seeds 0-5." in tab.get_by_test_id("toast-body").inner_text()


def test_what_finds_no_room_in_a_tab_is_told(open_tab):
    tab = open_tab("?seed=5&num_images=14&num_steps=2")
    wait_for_address(tab, "seed=5")
    tab.get_by_role("button", name="Animate").locator("visible=true").click()
    wait_for_address(tab, "tab=animate&seeds=5-16")
    assert "There was no room for 2 seeds more." in tab.get_by_test_id("toast-body").inner_text()


def test_the_last_results_survive_a_reload_and_come_back_by_a_click(open_tab):
    tab = open_tab("?seed=5&num_images=1&num_steps=3")
    wait_for_address(tab, "seed=5")
    tab.reload()
    wait_for_address(tab, "seed=5")
    result = tab.get_by_role("button", name="generate, seed 5, 3 steps", exact=True).locator("visible=true")
    assert result.locator("img").evaluate("one => one.decode().then(() => one.naturalWidth)") == 64
    tab.get_by_role("tab", name="Animate").click()
    tab.evaluate("window.isTheSamePage = true")
    result.click()
    wait_for_address(tab, "tab=generate&seed=5")
    tab.locator(".gallery .caption-label:visible", has_text="seed 5").wait_for()
    assert captions(tab) == ["seed 5"]
    assert tab.evaluate("window.isTheSamePage")


def test_a_result_with_a_star_is_kept_and_one_without_is_forgotten(open_tab):
    tab = open_tab("?seed=5&num_images=1&num_steps=3")
    wait_for_address(tab, "seed=5")
    tab.evaluate(
        "for (let i = 0; i < 30; i++) window.playground.history.add(`?tab=generate&seed=${100 + i}&num_steps=3`)"
    )
    results = "JSON.parse(localStorage.getItem('ddim-playground-history')).map((one) => one.address)"
    tab.wait_for_function(f"{results}.length === 24")
    assert not any("seed=5&" in address for address in tab.evaluate(results))
    tab.get_by_role("button", name="Star generate, seed 129, 3 steps").locator("visible=true").click()
    tab.evaluate(
        "for (let i = 0; i < 30; i++) window.playground.history.add(`?tab=generate&seed=${200 + i}&num_steps=3`)"
    )
    tab.wait_for_function(f"{results}.some((address) => address.includes('seed=229'))")
    assert any("seed=129&" in address for address in tab.evaluate(results))
    assert len(tab.evaluate(results)) == 24
    tab.get_by_role("button", name="Forget all").locator("visible=true").click()
    tab.locator(".history .back").first.wait_for(state="detached")


def test_a_result_becomes_the_stop_of_a_walk(open_tab):
    tab = open_tab("?seed=77&num_images=1&num_steps=3")
    wait_for_address(tab, "seed=77")
    tab.get_by_role("button", name="Use generate, seed 77, 3 steps as a stop of a walk").locator("visible=true").click()
    wait_for_address(tab, "tab=interpolate")
    wait_for_value(tab, "Seeds", "8,77")


def test_a_share_button_copies_the_address(open_tab):
    tab = open_tab("?seed=5&num_images=1&num_steps=3")
    wait_for_address(tab, "seed=5")
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    share = tab.locator(".share:visible")
    share.click()
    tab.get_by_role("button", name="Copied").wait_for()
    assert tab.evaluate("navigator.clipboard.readText()") == tab.locator(".again textarea:visible").first.input_value()
    tab.get_by_role("button", name="Share", exact=True).locator("visible=true").wait_for()


def made_here(open_tab, folder):
    """A picture of seed 6 as a file."""
    tab = open_tab("?seed=5&num_images=2&num_steps=3")
    wait_for_address(tab, "seed=5")
    picture = tab.request.get(tab.locator(".gallery img").nth(1).get_attribute("src"))
    (folder / "ours.png").write_bytes(picture.body())
    return folder / "ours.png"


def test_a_picture_made_here_comes_back_and_a_foreign_one_is_told_in_one_sentence(open_tab, tmp_path):
    ours = made_here(open_tab, tmp_path)
    Image.new("RGB", (8, 8)).save(tmp_path / "foreign.png")
    tab = open_tab("?tab=animate")
    field = tab.locator(".bring-back input[type=file]")
    field.set_input_files(tmp_path / "foreign.png")
    tab.get_by_text("foreign.png is not a PNG that this app made: it holds no recipe.").wait_for()
    field.set_input_files(ours)
    wait_for_address(tab, "tab=generate&seed=6&num_images=1")
    assert captions(tab) == ["seed 6"]
    assert value(tab, "number input for Steps") == "3"


def test_a_file_is_taken_wherever_it_is_dropped(open_tab, tmp_path):
    ours = made_here(open_tab, tmp_path)
    tab = open_tab("?tab=animate")
    files = tab.evaluate_handle(
        """bytes => {
            const files = new DataTransfer();
            files.items.add(new File([new Uint8Array(bytes)], "ours.png", {type: "image/png"}));
            return files;
        }""",
        list(ours.read_bytes()),
    )
    tab.dispatch_event("h1", "dragover", {"dataTransfer": files})
    assert "Drop a picture or film" in tab.locator(".dropping").inner_text()
    assert tab.locator(".dropping").bounding_box() == {"x": 0, "y": 0, **tab.viewport_size}
    tab.dispatch_event("h1", "drop", {"dataTransfer": files})
    assert tab.locator(".dropping img").evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
    wait_for_address(tab, "tab=generate&seed=6&num_images=1")
    assert captions(tab) == ["seed 6"]
    tab.locator(".dropping").wait_for(state="hidden")


def test_a_click_before_the_page_has_settled_is_not_undone(open_tab, served):
    tab = open_tab()
    tab.reload()
    tab.get_by_role("tab", name="Train").click()
    tab.wait_for_function("document.querySelector('.again textarea')?.value.startsWith('http')")
    assert tab.get_by_role("tab", name="Train").get_attribute("aria-selected") == "true"


@pytest.mark.parametrize("name", ["generate", "compare", "interpolate", "animate", "train"])
def test_an_address_opens_its_tab(open_tab, name):
    tab = open_tab(f"?tab={name}")
    tab.wait_for_function(
        "name => document.querySelector('[role=tab][aria-selected=true]').innerText.toLowerCase() === name", arg=name
    )
