"""The tab Compare as its visitors meet it."""

import re

import pytest
from PIL import Image

from ddim.media.embedded import read

QUERY = "?tab=compare&seeds=3,8&solvers=ddim&num_steps=1,4,20"


def compare(tab):
    tab.locator(".run-button:visible").click()
    wait_for_comparison(tab)


def wait_for_comparison(tab):
    """The one that an address with few pictures makes by itself."""
    tab.locator(".status").get_by_text(re.compile(r"\d+ rows in")).wait_for()


def picture(tab, name):
    return tab.locator(f".comparison button:has(img[alt='{name}'])")


def chosen(tab):
    """Which pictures lie in the slider: by the two menus, by the marks in the table, and by what is shown."""
    seed, *rows = [
        tab.get_by_label(name, exact=True).locator("visible=true").last.input_value()
        for name in ("Seed", "Left", "Right")
    ]
    menus = [f"seed {seed}, {row}" for row in rows]
    marks = [tab.locator(f".comparison [data-side={side}] img").get_attribute("alt") for side in ("left", "right")]
    shown = tab.locator(".two img").evaluate_all("all => all.map((one) => one.src)")
    sources = [picture(tab, name).locator("img").evaluate("one => one.src") for name in menus]
    assert menus == marks
    assert shown == sources
    return menus


def wait_for_chosen(tab, left, right):
    for side, name in (("left", left), ("right", right)):
        tab.locator(f".comparison [data-side={side}] img[alt='{name}']").wait_for()
    tab.wait_for_function("left => document.querySelector('.two img')?.alt === left", arg=left)
    assert chosen(tab) == [left, right]


def test_pictures_form_row_by_row_and_escape_stops(open_tab, slow_engine):
    tab = open_tab(QUERY + ",90")
    pictures = tab.locator(".comparison img")
    tab.wait_for_function(
        "[...document.querySelectorAll('.comparison')].some((one) =>"
        " one.querySelectorAll('tbody tr').length === 4 && [4, 6].includes(one.querySelectorAll('img').length))"
    )
    first_row = pictures.first.get_attribute("src")
    pictures.nth(7).wait_for()
    before = pictures.nth(7).get_attribute("src")
    tab.wait_for_function("before => document.querySelectorAll('.comparison img')[7].src !== before", arg=before)
    tab.keyboard.press("Escape")
    tab.get_by_text("Stopped.").locator("visible=true").wait_for()
    assert slow_engine.has_stopped(num_images=2)
    assert pictures.first.get_attribute("src") == first_row
    tab.locator(".run-button:visible").wait_for()


def test_a_click_puts_two_pictures_of_one_seed_on_the_slider(open_tab):
    tab = open_tab(QUERY)
    wait_for_comparison(tab)
    wait_for_chosen(tab, "seed 3, 1 step, ddim", "seed 3, 20 steps, ddim")
    picture(tab, "seed 8, 4 steps, ddim").click()
    wait_for_chosen(tab, "seed 8, 4 steps, ddim", "seed 8, 20 steps, ddim")
    picture(tab, "seed 3, 20 steps, ddim").click()  # a row on a side already: only the seed is another
    wait_for_chosen(tab, "seed 3, 4 steps, ddim", "seed 3, 20 steps, ddim")
    picture(tab, "seed 8, 1 step, ddim").focus()
    tab.keyboard.press("Enter")
    wait_for_chosen(tab, "seed 8, 4 steps, ddim", "seed 8, 1 step, ddim")
    tab.wait_for_function(
        "[...document.querySelectorAll('.again textarea')].some((one) => one.value.includes('seeds=8&num_steps=1&'))"
    )
    right = tab.get_by_label("Right", exact=True).locator("visible=true")
    right.click()
    tab.get_by_role("option", name="20 steps, ddim").click()
    wait_for_chosen(tab, "seed 8, 4 steps, ddim", "seed 8, 20 steps, ddim")
    tab.get_by_role("button", name="Animate").locator("visible=true").click()
    tab.wait_for_function("[...document.querySelectorAll('input')].some((one) => one.ariaLabel?.includes('Steps'))")
    assert tab.get_by_label("number input for Steps").locator("visible=true").input_value() == "1"


def test_arrow_keys_go_from_picture_to_picture_and_enter_chooses(open_tab):
    tab = open_tab(QUERY, width=390)
    wait_for_comparison(tab)
    wait_for_chosen(tab, "seed 3, 1 step, ddim", "seed 3, 20 steps, ddim")
    picture(tab, "seed 3, 1 step, ddim").focus()
    for key, name in (("ArrowDown", "seed 3, 4 steps"), ("ArrowRight", "seed 8, 4 steps"), ("ArrowRight", "seed 8, 4")):
        tab.keyboard.press(key)
        assert tab.evaluate("document.activeElement.querySelector('img').alt").startswith(name)
    assert tab.get_by_role("button", name="seed 8, 4 steps, ddim", pressed=False).count() == 1
    tab.keyboard.press("Enter")
    wait_for_chosen(tab, "seed 8, 4 steps, ddim", "seed 8, 20 steps, ddim")
    assert tab.get_by_role("button", name="seed 8, 4 steps, ddim", pressed=True).count() == 1
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_first_comparison_ends_in_a_verdict_and_tells_its_reference(open_tab):
    tab = open_tab("?tab=compare")
    compare(tab)
    assert tab.locator(".comparison tbody tr").count() == 8
    assert tab.get_by_role("row", name=re.compile("20 steps.*UniPC.*the reference")).count() == 1
    tab.locator(".verdict").get_by_text(re.compile("UniPC in .* DDIM in|DDIM in .* UniPC in")).wait_for()
    tab.get_by_text("All are measured from one reference: the pictures of UniPC in 20 steps").wait_for()
    tab.get_by_text("Nodes: DDIM reference, UniPC inclusive, the best for each.").wait_for()


def test_the_edge_slides_with_the_keyboard_and_pixels_stay_square(open_tab):
    tab = open_tab(QUERY)
    wait_for_comparison(tab)
    tab.locator(".two img").nth(1).wait_for()
    shown = tab.locator(".two img").nth(1)
    assert shown.evaluate("one => getComputedStyle(one).imageRendering") == "pixelated"
    before = shown.evaluate("one => one.style.clipPath")
    tab.get_by_label(re.compile("Slider position")).locator("visible=true").last.focus()
    tab.keyboard.press("End")
    tab.wait_for_function("before => document.querySelectorAll('.two img')[1].style.clipPath !== before", arg=before)


def test_the_comparison_is_told_plotted_and_taken_away(open_tab, served, tmp_path):
    tab = open_tab(QUERY)
    errors = []
    tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    wait_for_comparison(tab)
    tab.get_by_text(re.compile("Hardly different from the reference")).wait_for()
    tab.get_by_text("network evaluations", exact=True).wait_for()
    tab.locator(".label-wrap:visible", has_text="Export").click()
    tab.get_by_role("button", name="Make the file").locator("visible=true").click()
    with tab.expect_download() as download:
        tab.locator("a[download]").locator("visible=true").click()
    assert download.value.suggested_filename == "ddim-compare-seeds3-8-1-4-20steps.png"
    download.value.save_as(tmp_path / "grid.png")
    recipe = read(tmp_path / "grid.png")
    assert (recipe["seeds"], recipe["num_steps"], recipe["weights"]) == ([3, 8], [1, 4, 20], served[1])
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.width > 2 * 4 * 8
    assert errors == []


def test_an_address_and_one_click_fill_in_what_to_compare(open_tab):
    tab = open_tab("?tab=compare&seeds=5-9&num_steps=2,4&solvers=ddim,unipc")
    assert tab.get_by_label("Seeds").locator("visible=true").first.input_value() == "5-9"
    steps = tab.get_by_label("Numbers of steps").locator("visible=true")
    assert steps.input_value() == "2,4"
    assert tab.get_by_label("UniPC-2").is_checked()
    tab.get_by_role("button", name="1-20", exact=True).click()
    tab.wait_for_function("[...document.querySelectorAll('input')].some((one) => one.value === '1-20')")


@pytest.mark.parametrize(("theme", "width"), [("light", 390), ("dark", 390), ("dark", 1600)])
def test_many_seeds_scroll_inside_their_own_box(open_tab, theme, width):
    tab = open_tab(f"?tab=compare&seeds=0-15&num_steps=1,2&__theme={theme}", width=width)
    compare(tab)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = tab.locator(".comparison [role=region]")
    assert box.evaluate("one => one.scrollWidth > one.clientWidth")
    box.evaluate("one => one.scrollTo(10000, 0)")
    label = tab.locator(".comparison tbody th").first
    assert label.bounding_box()["x"] == pytest.approx(box.bounding_box()["x"], abs=10)
    ink, ground = label.evaluate(
        "one => [getComputedStyle(one).color, getComputedStyle(one).backgroundColor]"
        ".map((color) => color.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0))"
    )
    assert abs(ink - ground) > 400
