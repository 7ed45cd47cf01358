"""A real browser, where there is one, and the app with a tiny model to look at."""

import shutil
from pathlib import Path

import pytest
from serving import SlowEngine

# Besides a container's needs: what a browser does for itself, which no test waits for.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    with playwright.sync_playwright() as started:
        installed = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
        installed += [path for path in [started.chromium.executable_path] if Path(path).exists()]
        executable = next(filter(None, installed), None)
        if executable is None:
            pytest.skip("needs Chromium or Chrome")
        browser = started.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def served(browser, served):
    """As elsewhere, but only where there is a browser."""
    return served


@pytest.fixture
def open_tab(browser, served):
    """Opens the app as one more visitor, `open_tab("?seed=7", width=390)`, with the tiny weights if none are named.

    Further options are those of Playwright's contexts, such as `has_touch`.
    """
    address, weights, _ = served
    contexts = []

    def open_tab(query="?", width=1600, height=950, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **options))
        tab = contexts[-1].new_page()
        tab.set_default_timeout(20_000)
        tab.goto(f"{address.rstrip('/')}/{query}" + ("" if "weights=" in query else f"&weights={weights}"))
        tab.wait_for_function("window.playground?.isSettled()")
        return tab

    yield open_tab
    for context in contexts:
        context.close()


@pytest.fixture
def slow_engine(monkeypatch):
    return SlowEngine(monkeypatch)
