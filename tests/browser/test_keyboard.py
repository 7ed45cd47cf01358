"""The page by its keys alone."""

import pytest


def visible(tab, selector):
    return tab.locator(selector).locator("visible=true")


def wait_for_focus(tab, selector):
    tab.wait_for_function("selector => document.activeElement.matches(selector)", arg=selector)


@pytest.mark.parametrize("label", ["Weights", "Solver"])
def test_a_list_that_is_tabbed_past_closes(open_tab, label):
    tab = open_tab()
    if label == "Solver":
        tab.get_by_role("button", name="Advanced").locator("visible=true").click()
    control = tab.get_by_label(label, exact=True).locator("visible=true")
    control.focus()
    visible(tab, "[role=listbox]").wait_for()
    tab.keyboard.press("Tab")
    tab.wait_for_timeout(500)  # in which Gradio would open it again
    assert control.get_attribute("aria-expanded") == "false"


def test_focus_goes_to_stop_and_back_with_the_buttons(open_tab, slow_engine):
    tab = open_tab("?num_images=2&num_steps=30")
    visible(tab, ".run-button").focus()
    tab.keyboard.press("Enter")
    wait_for_focus(tab, ".stop-button")
    slow_engine.wait_for(num_images=2, calls=30)
    wait_for_focus(tab, ".run-button")


def test_who_has_gone_elsewhere_meanwhile_stays_there(open_tab, slow_engine):
    tab = open_tab("?num_images=3&num_steps=30")
    visible(tab, ".run-button").focus()
    tab.keyboard.press("Enter")
    wait_for_focus(tab, ".stop-button")
    tab.get_by_label("Seed", exact=True).first.focus()
    visible(tab, ".run-button").wait_for()
    assert tab.evaluate("document.activeElement.ariaLabel") == "Seed"


def test_closing_a_large_picture_leads_back_to_where_it_was(open_tab):
    tab = open_tab()
    tab.get_by_role("button", name="seed 3", exact=True).focus()
    tab.keyboard.press("Enter")
    wait_for_focus(tab, ".preview .thumbnail-item")
    tab.keyboard.press("ArrowRight")
    tab.locator(".preview .thumbnail-item.selected[aria-label='seed 4']").wait_for()
    tab.keyboard.press("Escape")
    wait_for_focus(tab, ".grid-container .thumbnail-item[aria-label='seed 4']")


def test_arrows_lead_from_tab_to_tab(open_tab):
    tab = open_tab()
    tab.get_by_role("tab", name="Generate").focus()
    for key, name in (("ArrowRight", "Compare"), ("End", "Train"), ("ArrowRight", "Generate"), ("ArrowLeft", "Train")):
        tab.keyboard.press(key)
        tab.get_by_role("tab", name=name, selected=True).wait_for()
        assert tab.evaluate("document.activeElement.textContent.trim()") == name


def test_focus_is_seen_on_sliders_and_boxes(open_tab):
    tab = open_tab()
    for selector in (".settings input[type=range]", ".settings input[type=checkbox]"):
        control = visible(tab, selector).first
        control.focus()
        tab.keyboard.press("Shift")  # focus is shown to those who use keys
        assert control.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
        assert control.evaluate("one => parseFloat(getComputedStyle(one).outlineWidth)") >= 2


def test_the_schedule_is_moved_by_keys(open_tab):
    tab = open_tab("?tab=animate&seeds=7,3&num_steps=12")
    visible(tab, ".run-button").click()
    schedule = tab.get_by_role("slider", name="Step on the schedule")
    schedule.wait_for()
    tab.wait_for_function("!document.querySelector('#animation .position').disabled")
    schedule.focus()
    for key, step in (("Home", 1), ("ArrowRight", 2), ("End", 12), ("ArrowRight", 12), ("ArrowLeft", 11)):
        tab.keyboard.press(key)
        assert schedule.get_attribute("aria-valuenow") == str(step)
        assert tab.locator("#animation .position").input_value() == str(step - 1)
