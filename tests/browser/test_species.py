"""Weights with classes as visitors meet them: a list with pictures, and the same noise as several species."""

import pytest


@pytest.fixture
def species_tab(open_tab, species_weights):
    """The tab Generate with the weights that have classes."""
    return open_tab(f"?weights={species_weights}&num_images=1&num_steps=3&seed=7")


def species_of(tab):
    return tab.get_by_label("Species", exact=True).first


def test_weights_with_classes_show_them_and_others_do_not(open_tab, species_tab):
    species_of(species_tab).wait_for()
    plain = open_tab()
    assert not species_of(plain).is_visible()


def test_a_species_is_searched_chosen_by_its_picture_and_told_in_the_address(species_tab):
    species_tab.get_by_role("button", name="Choose by picture").first.click()
    species_tab.get_by_label("Search the species").first.fill("tul")
    buttons = species_tab.locator(".species").first.get_by_role("button")
    species_tab.wait_for_function("document.querySelectorAll('.species button:not([hidden])').length < 3")
    assert [one.inner_text() for one in buttons.all() if one.is_visible()] == ["Tulip"]
    buttons.get_by_text("Tulip").click()
    species_tab.wait_for_function("[...document.querySelectorAll('.class input')].some(one => one.value === 'Tulip')")
    species_tab.locator(".run-button").first.click()
    species_tab.wait_for_function("document.querySelector('.again textarea').value.includes('class_name=tulip')")


def test_surprise_me_chooses_a_species(species_tab):
    species_tab.get_by_role("button", name="Surprise me").first.click()
    species_tab.wait_for_function(
        "['Rose', 'Sunflower', 'Tulip'].includes(document.querySelector('.class input').value)"
    )


def test_fast_changes_to_the_student_and_keeps_the_species(open_tab):
    tab = open_tab("?weights=flowers64-species&class_name=sunflower&num_images=1")
    tab.get_by_role("button", name="Fast, 4 steps").first.click()
    tab.wait_for_function("[...document.querySelectorAll('input')].some(one => one.value === 'flowers64-species-fast')")
    assert species_of(tab).input_value() == "Sunflower"
    tab.locator(".run-button").first.click()
    tab.wait_for_function("document.querySelector('.again textarea').value.includes('weights=flowers64-species-fast')")
    address = tab.locator(".again textarea").first.input_value()
    assert "class_name=sunflower" in address and "num_steps=4" in address


def test_one_noise_is_shown_as_several_species_at_once(open_tab, species_weights):
    tab = open_tab(f"?tab=compare&weights={species_weights}&seeds=7")
    tab.get_by_role("button", name="Same noise, 8 species").click()
    tab.wait_for_function("document.querySelector('#tab-compare, body').innerText.includes('Sunflower')")
    tab.locator(".run-button:visible").click()
    rows = tab.locator(".comparison tbody th")
    tab.wait_for_function("document.querySelectorAll('.comparison tbody th').length === 3")
    assert {row.inner_text().split("\n")[0] for row in rows.all()} == {"Rose", "Sunflower", "Tulip"}
