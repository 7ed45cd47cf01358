"""Paths of modules that the README and the page's snippets have shown keep working for a while."""

import importlib

import pytest

import ddim
from ddim import making
from ddim.moved import HOMES


@pytest.mark.parametrize("old", HOMES)
def test_an_old_path_holds_what_its_new_homes_hold_and_says_where(old):
    module = importlib.import_module(old)
    for home in map(importlib.import_module, HOMES[old]):
        name = next(name for name, value in vars(home).items() if getattr(value, "__module__", "") == home.__name__)
        with pytest.warns(DeprecationWarning, match=f"{old}.{name} is now {home.__name__}.{name}"):
            assert getattr(module, name) is getattr(home, name)


def test_the_snippets_of_before_still_run():
    with pytest.warns(DeprecationWarning):
        from ddim.between_seeds import sample_at, sample_plane
    with pytest.warns(DeprecationWarning):
        from ddim.images import to_uint8
    assert (sample_at, sample_plane) == (ddim.sample_at, ddim.sample_plane)
    assert to_uint8(1.5) == 255


def test_what_never_was_there_is_not_there():
    for module in (ddim, importlib.import_module("ddim.images")):
        assert not hasattr(module, "flower")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("ddim.flowers")


def test_the_names_that_users_import_are_resolved():
    assert {name: getattr(ddim, name).__name__ for name in ddim.__all__} == {name: name for name in ddim.__all__}
    assert making.generate.generate is ddim.generate
    assert ddim.__version__.count(".") == 2
