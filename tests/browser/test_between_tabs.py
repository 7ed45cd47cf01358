"""What goes from tab to tab, comes back from files, and is still there after a reload."""

import pytest
from PIL import Image


def generate(tab):
    tab.locator(".run-button:visible").click()
    tab.get_by_text("network evaluations in").locator("visible=true").wait_for()


def value(tab, label):
    return tab.get_by_label(label, exact=True).locator("visible=true").first.input_value()


def wait_for_value(tab, label, expected):
    tab.wait_for_function(
        "([label, expected]) => [...document.querySelectorAll('input, textarea')].some((one) => one.checkVisibility() "
        "&& one.value === expected && (one.ariaLabel === label || one.closest('label')?.innerText.includes(label)))",
        arg=[label, expected],
    )


def test_a_picture_that_is_looked_at_goes_to_another_tab(open_tab):
    tab = open_tab("?seed=5&num_images=3&num_steps=4&eta=0.5")
    generate(tab)
    tab.locator(".gallery img").nth(2).click()
    tab.wait_for_function("document.querySelector('.again textarea').value.includes('seed=7&num_images=1')")
    tab.get_by_role("button", name="Animate").locator("visible=true").click()
    wait_for_value(tab, "Seeds", "7")
    assert tab.get_by_label("number input for Steps").locator("visible=true").input_value() == "4"


def test_the_last_results_survive_a_reload(open_tab):
    tab = open_tab("?seed=5&num_images=1&num_steps=3")
    generate(tab)
    tab.wait_for_function("localStorage.getItem('ddim-playground-history')")
    tab.reload()
    tab.get_by_role("button", name="Your last results").click()
    result = tab.locator(".history a")
    assert result.inner_text() == "generate, seed 5, 3 steps"
    assert result.locator("img").evaluate("one => one.decode().then(() => one.naturalWidth)") == 64
    result.click()
    tab.wait_for_url("**seed=5**")
    wait_for_value(tab, "Seed", "5")
    tab.get_by_role("button", name="Your last results").click()
    tab.get_by_role("button", name="Forget them").click()
    tab.locator(".history a").wait_for(state="detached")


def test_a_picture_made_here_brings_its_settings_back_and_a_foreign_one_is_told_in_one_sentence(open_tab, tmp_path):
    tab = open_tab("?seed=5&num_images=2&num_steps=3")
    generate(tab)
    picture = tab.request.get(tab.locator(".gallery img").nth(1).get_attribute("src"))
    (tmp_path / "ours.png").write_bytes(picture.body())
    Image.new("RGB", (8, 8)).save(tmp_path / "foreign.png")

    tab = open_tab("?tab=animate")
    tab.get_by_role("button", name="Bring back a picture or film made here").click()
    dropped = tab.locator(".below input[type=file]")
    dropped.set_input_files(tmp_path / "foreign.png")
    tab.get_by_text("foreign.png is not a PNG that this app made: it holds no recipe.").wait_for()
    dropped.set_input_files(tmp_path / "ours.png")
    wait_for_value(tab, "Seed", "6")
    assert value(tab, "number input for Steps") == "3"


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
