"""What a visitor sees of an app that ends, and of one that comes back."""

import re
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from serving import free_port
from tiny_runs import start_python

import app
from ddim.model.weights import save

pytestmark = pytest.mark.slow


@contextmanager
def served_by_itself(folder, port):
    """The app as a process of its own, which is killed in the end."""
    arguments = ["--port", str(port), "--runs-dir", str(folder / "runs")]
    process = start_python(str(Path(app.__file__)), *arguments, GRADIO_TEMP_DIR=str(folder / "pictures"))
    try:
        while not is_answered(f"http://127.0.0.1:{port}/healthz"):
            assert process.poll() is None
        yield
    finally:
        process.kill()
        process.communicate()


def is_answered(address):
    try:
        return urllib.request.urlopen(address, timeout=10).status == 200
    except OSError:
        return False


def test_a_lost_connection_is_told_and_the_settings_of_what_it_cut_short_come_back_with_it(
    browser, tiny_model, tmp_path
):
    run = tmp_path / "runs" / "tiny"
    save(tiny_model, run / "best")
    port = free_port()
    with browser.new_context() as context:
        tab = context.new_page()
        tab.set_default_timeout(60_000)
        with served_by_itself(tmp_path, port):
            tab.goto(f"http://127.0.0.1:{port}/?seed=5&num_images=1&num_steps=2&weights={run.as_posix()}")
            tab.wait_for_function("location.search.includes('sha=')")
            tab.get_by_label("number input for Pictures").locator("visible=true").fill("64")
            tab.get_by_label("number input for Steps").locator("visible=true").fill("100")
            tab.locator(".run-button:visible").click()
            tab.get_by_text(re.compile("^Step [0-9]+ of 100")).locator("visible=true").wait_for()
            tab.evaluate("window.isTheSamePage = true")
        tab.wait_for_function("document.body.classList.contains('connection-lost')")
        assert tab.locator(".stop-button:visible, .status progress:visible").count() == 0
        with served_by_itself(tmp_path, port):
            tab.wait_for_function("!window.isTheSamePage && window.playground?.isSettled()")
            tab.get_by_role("button", name="Show these 64 pictures").locator("visible=true").wait_for()
            for label, value in (("Seed", "5"), ("number input for Pictures", "64"), ("number input for Steps", "100")):
                control = tab.get_by_label(label, exact=label == "Seed").locator("visible=true").first
                assert control.input_value() == value
