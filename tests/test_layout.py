"""The architecture: what may know what, what an import costs, and how large a file may be."""

import ast
import graphlib
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest
from tiny_runs import run_python

ROOT = Path(__file__).parents[1]
CORE = [path for path in sorted((ROOT / "ddim").rglob("*.py")) if "ui" not in path.relative_to(ROOT).parts]
NUMPY_ONLY = ["ddim", *(f"ddim.diffusion.{name}" for name in ("schedule", "noise", "solvers", "sampling"))]
HEAVY = {"PIL", "keras", "tensorflow", "jax", "torch", "gradio", "matplotlib"}


def packages_after_importing(modules):
    """The packages that a fresh Python has loaded after importing these modules."""
    program = f"import sys, {', '.join(modules)}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(run_python("-c", program, KERAS_BACKEND="numpy").split())  # TensorFlow takes seconds to import


def test_arrows_between_modules_go_one_way_only():
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert result.returncode == 0, result.stdout


def test_no_circle_of_files_not_even_one_hidden_in_a_function_or_for_type_checkers():
    graph = grimp.build_graph("ddim", cache_dir=None)
    # What a look at the heads of files alone would miss: imports in a function, and under TYPE_CHECKING.
    assert "ddim.model.folding" in graph.find_modules_directly_imported_by("ddim.model.fastest_engine")
    assert "ddim.making.generate" in graph.find_modules_directly_imported_by("ddim")
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    graphlib.TopologicalSorter(imported).prepare()  # which raises CycleError, with the circle


def test_the_core_never_imports_gradio():
    files = [path.relative_to(ROOT).with_suffix("") for path in CORE if path.stem != "__main__"]
    modules = [".".join(file.parts).removesuffix(".__init__") for file in files]
    assert {"ddim.model.engine", "ddim.training.devices", "ddim.cli.main"} <= set(modules)
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


def imported_packages(path):
    """The packages that a file names in its imports, wherever these stand."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


def test_every_package_that_is_imported_is_declared():
    declared = {line.lower() for line in re.findall(r"^[\w-]+", (ROOT / "requirements.txt").read_text(), re.MULTILINE)}
    files = [ROOT / "app.py", *(ROOT / "ddim").rglob("*.py")]
    imported = {name for path in files for name in imported_packages(path)} - set(sys.stdlib_module_names)
    imported -= {"ddim", "jax", "torch"}  # the last two for those who choose them
    assert {"PIL", "keras", "gradio", "pandas"} <= imported
    sources = packages_distributions()
    missing = {name for name in imported if not {one.lower().replace("_", "-") for one in sources[name]} & declared}
    assert missing == set()


def lines_of(path):
    return len(path.read_text().splitlines())


def test_app_is_under_60_lines():
    assert lines_of(ROOT / "app.py") < 60


@pytest.mark.parametrize(
    "path", sorted((ROOT / "ddim").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT / "ddim"))
)
def test_a_module_has_at_most_300_lines(path):
    assert lines_of(ROOT / path) <= 300
