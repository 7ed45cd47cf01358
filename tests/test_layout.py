import re
from pathlib import Path

import pytest
from tiny_runs import run_python

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "ddim").glob("*.py"))
NUMPY_ONLY = ["ddim", "ddim.schedule", "ddim.noise", "ddim.solvers", "ddim.sampling", "ddim.images"]
HEAVY = {"keras", "tensorflow", "jax", "torch", "gradio"}


def packages_after_importing(modules):
    """The packages that a fresh Python has loaded after importing these modules."""
    program = f"import sys, {', '.join(modules)}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(run_python("-c", program, KERAS_BACKEND="numpy").split())  # TensorFlow takes seconds to import


def test_the_core_never_imports_gradio():
    modules = ["ddim" if path.stem == "__init__" else f"ddim.{path.stem}" for path in CORE]
    assert "ddim.engine" in modules
    packages = packages_after_importing(modules)
    assert "keras" in packages
    assert "gradio" not in packages


@pytest.mark.parametrize("module", NUMPY_ONLY)
def test_what_needs_numpy_alone_imports_nothing_heavy(module):
    packages = packages_after_importing([module])
    assert "ddim" in packages
    assert not packages & HEAVY


def test_the_core_names_gradio_nowhere():
    # An import inside a function would escape a look at what is loaded.
    assert [path.name for path in CORE if re.search(r"^\s*(import|from) gradio", path.read_text(), re.MULTILINE)] == []


def test_the_readme_asks_spaces_for_the_gradio_that_is_pinned():
    asked = re.search(r"^sdk_version: *\"?([\d.]+)\"?$", (ROOT / "README.md").read_text(), re.MULTILINE)
    pinned = re.search(r"^gradio(?:\[[\w,]+\])?[~=]=([\d.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert asked and pinned
    assert asked[1] == pinned[1]


def lines_of(path):
    return len(path.read_text().splitlines())


def test_app_is_under_60_lines():
    assert lines_of(ROOT / "app.py") < 60


@pytest.mark.parametrize("path", sorted((ROOT / "ddim").rglob("*.py")), ids=lambda path: path.name)
def test_a_module_has_at_most_300_lines(path):
    assert lines_of(path) <= 300
