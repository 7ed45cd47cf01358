"""The page as it is for those who see little, or nothing, or read it by ear."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from unfolding import open_everything

QUERIES = {
    "generate": "?num_images=2&num_steps=3",
    "compare": "?tab=compare&seeds=0,1&num_steps=1,2",
    "interpolate": "?tab=interpolate&seeds=3,8&frames=3&num_steps=2",
    "animate": "?tab=animate&seeds=7,3&num_steps=4",
    "train": "?tab=train",
}
# Beside what axe tells by default: a name that is not the visible label cannot be spoken to.
OPTIONS = {"resultTypes": ["violations"], "rules": {"label-content-name-mismatch": {"enabled": True}}}


def faults(tab):
    """What axe calls serious or critical, light on a desktop and dark on a phone."""
    found = set()
    for theme, width in (("light", 1280), ("dark", 390)):
        tab.evaluate("dark => document.body.classList.toggle('dark', dark)", theme == "dark")
        tab.set_viewport_size({"width": width, "height": 844})
        tab.wait_for_timeout(400)  # colours take their time to change
        for fault in Axe().run(tab, options=OPTIONS).response["violations"]:
            if fault["impact"] in ("serious", "critical"):
                found |= {(fault["id"], theme, width, node["html"][:200]) for node in fault["nodes"]}
    return found


def visible(tab, selector):
    return tab.locator(selector).locator("visible=true")


@pytest.mark.parametrize("name", QUERIES)
def test_axe_finds_nothing_serious(open_tab, name):
    tab = open_tab(QUERIES[name])
    tab.emulate_media(reduced_motion="reduce")
    assert faults(tab) == set()
    open_everything(tab)
    assert faults(tab) == set()
    if name != "train":
        visible(tab, ".run-button").click()
        tab.wait_for_function(
            "name => [...document.querySelectorAll('.again textarea')].some((one) => one.value.includes(name)"
            " && one.checkVisibility())",
            arg="num_steps=",
        )
        visible(tab, ".run-button").wait_for()
        open_everything(tab)
        assert faults(tab) == set()


def test_a_large_picture_has_no_serious_fault_and_small_ones_are_called_by_their_seeds(open_tab):
    tab = open_tab()
    tab.get_by_role("button", name="seed 3", exact=True).click()
    tab.locator(".preview").wait_for()
    tab.locator(".preview").get_by_role("button", name="seed 15", exact=True).wait_for()
    assert tab.locator(".preview [aria-label^='Thumbnail']").count() == 0
    assert faults(tab) == set()


def test_the_dice_is_called_by_what_it_does(open_tab):
    tab = open_tab()
    tab.get_by_role("button", name="New seed", exact=True).click()
    tab.wait_for_function("document.querySelector('.seed input').value !== '0'")


def test_the_selected_tab_can_be_read(open_tab):
    """axe leaves it out, because of the line below it."""
    tab = open_tab()
    for theme, paper in (("light", (250, 250, 249)), ("dark", (12, 10, 9))):
        tab.evaluate("dark => document.body.classList.toggle('dark', dark)", theme == "dark")
        tab.wait_for_timeout(400)
        colour = tab.get_by_role("tab", name="Generate").evaluate("one => getComputedStyle(one).color")
        ink = [int(part) for part in re.findall(r"\d+", colour)[:3]]
        assert contrast(ink, paper) >= 4.5


def contrast(*colours):
    """The ratio of WCAG 2, 1.4.3."""
    linear = [[c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour] for colour in colours]
    darker, lighter = sorted(0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in linear)
    return (lighter + 0.05) / (darker + 0.05)


def spoken(session):
    """What the live region says, as screen readers meet it."""
    nodes = {node["nodeId"]: node for node in session.send("Accessibility.getFullAXTree")["nodes"]}
    status = next(node for node in nodes.values() if node.get("role", {}).get("value") == "status")
    return "".join(nodes[child]["name"]["value"] for child in status["childIds"] if "name" in nodes[child])


def test_progress_is_told_by_ear_but_not_every_step(open_tab, slow_engine):
    tab = open_tab("?num_images=3&num_steps=40")
    session = tab.context.new_cdp_session(tab)
    assert spoken(session) == ""
    visible(tab, ".run-button").click()
    told = [""]
    for _ in range(200):
        if (text := spoken(session)) != told[-1]:
            told.append(text)
        if text.startswith("40 network evaluations"):
            break
        tab.wait_for_timeout(50)
    assert told[1].startswith("Waiting") and told[-1].startswith("40 network evaluations")
    assert sum(text.startswith("Step") for text in told) <= 2
