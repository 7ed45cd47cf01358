"""What whoever runs the app sees of it: headers, limits, the log, a full disk, and its end."""

import errno
import logging
import os
import re
import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from serving import SlowEngine, free_port, serve
from tiny_runs import start_python

from ddim.runs.archives import MAX_PICTURES_BYTES
from ddim.ui import serving
from ddim.ui.edge import DISK_IS_FULL

REQUEST = {"seed": 7, "num_images": 2, "num_steps": 3, "solver": "ddim", "node_placement": "reference"}


def ask(address, data=None, **headers):
    """Status, headers and text of an answer by plain HTTP."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, data, headers), timeout=60) as answer:
            return answer.status, answer.headers, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read().decode(errors="replace")


def upload(address, content):
    boundary = "0123456789"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="a.zip"\r\n\r\n'
    data = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return ask(f"{address}gradio_api/upload", data, **{"Content-Type": f"multipart/form-data; boundary={boundary}"})


def test_browsers_take_everything_for_what_it_says_it_is(served):
    address, _, _ = served
    status, _, text = upload(address, b"<html>")
    assert status == 200
    (path,) = re.findall(r'"(.*?)"', text)
    for place in ("", "config", "healthz", "gradio_api/info", "nowhere", f"gradio_api/file={path}", "theme.css"):
        _, headers, _ = ask(f"{address}{place}")
        assert headers["X-Content-Type-Options"] == "nosniff", place


def test_what_may_be_uploaded_has_a_limit(served, monkeypatch):
    address, _, demo = served
    assert demo.max_file_size == MAX_PICTURES_BYTES
    monkeypatch.setattr(demo, "max_file_size", 1000)
    assert upload(address, bytes(1000))[0] == 200
    assert upload(address, bytes(1001))[0] == 413


@pytest.mark.parametrize(("switch", "limit"), [("on", MAX_PICTURES_BYTES), ("off", serving.MAX_FILM_BYTES)])
def test_where_nobody_may_train_the_limit_is_that_of_a_film(monkeypatch, switch, limit):
    monkeypatch.setenv("DDIM_TRAINING", switch)
    assert serving.max_file_size() == limit


def full_disk(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device", "/srv/cache/picture.png")


@pytest.mark.parametrize("place", ["ddim.ui.live_view.save_sheet", "ddim.ui.controls.save_picture"])
def test_a_full_disk_is_a_sentence_for_the_visitor_and_a_line_in_the_log(client, weights, monkeypatch, caplog, place):
    monkeypatch.setattr(place, full_disk)
    with pytest.raises(AppError) as error:
        client.predict(**REQUEST, weights=weights, api_name="/generate")
    assert str(error.value) == DISK_IS_FULL
    assert [record.message for record in caplog.records if record.name == "ddim"] == [
        "A disk is full: [Errno 28] No space left on device: '/srv/cache/picture.png'"
    ]


def test_an_upload_for_which_there_is_no_room_is_refused_in_a_sentence(served, monkeypatch, caplog):
    monkeypatch.setattr("gradio.route_utils.NamedTemporaryFile", full_disk)
    status, _, text = upload(served[0], b"a file")
    assert (status, text) == (507, DISK_IS_FULL)
    assert "A disk is full: " in caplog.text


def test_each_request_is_a_line_in_the_log_without_who_asked_or_for_what(client, weights, caplog):
    with caplog.at_level(logging.INFO, "ddim"):
        client.predict(**{**REQUEST, "seed": 4711}, weights=weights, api_name="/generate")
        with pytest.raises(AppError):
            client.predict(**{**REQUEST, "num_steps": -1}, weights=weights, api_name="/generate")
    lines = [record.message for record in caplog.records if record.name == "ddim"]
    told = r"generate: %s, \d+\.\d\d s of work, \d+\.\d\d s of waiting"
    assert len(lines) == 2
    assert re.fullmatch(told % "success", lines[0]) and re.fullmatch(told % "failed", lines[1])


def test_whoever_waits_when_the_app_ends_is_told(tiny_model, tmp_path, monkeypatch):
    with serve(tiny_model, tmp_path) as (address, weights, demo):
        engine = SlowEngine(monkeypatch, seconds=0.2)
        client = Client(address, verbose=False, analytics_enabled=False, download_files=False)
        job = client.submit(**{**REQUEST, "num_steps": 99}, weights=weights, api_name="/generate")
        engine.wait_for(num_images=2, calls=2)
        serving.end(demo)
        with pytest.raises(AppError, match=serving.FAREWELL):
            job.result(timeout=60)
        assert not demo.is_running


def start_app(tmp_path, *arguments):
    port = free_port()
    arguments = ["--port", str(port), "--runs-dir", str(tmp_path / "runs"), *arguments]
    process = start_python(str(Path(__file__).parents[2] / "app.py"), *arguments, GRADIO_TEMP_DIR=str(tmp_path))
    return process, f"http://127.0.0.1:{port}/"


def wait_until(process, is_so):
    deadline = time.monotonic() + 120
    while not is_so():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)


def is_answered(address):
    try:
        return ask(f"{address}healthz")[0] == 200
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_app_ends_without_a_word_while_tensorflow_is_being_imported_and_leaves_no_files(tmp_path, number):
    process, address = start_app(tmp_path)
    wait_until(process, lambda: is_answered(address))
    assert '"loading"' in ask(f"{address}healthz")[2]
    assert list(tmp_path.glob("ddim-playground-*"))
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (128 + number, "")
    assert not list(tmp_path.glob("ddim-playground-*"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_ctrl_c_before_the_page_is_there_ends_without_a_word(tmp_path):
    process, _ = start_app(tmp_path)
    time.sleep(1)  # Python has begun, and Gradio is being imported
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (-signal.SIGINT, 128 + signal.SIGINT)
    assert errors == ""


@pytest.mark.slow
def test_a_log_level_brings_a_line_for_each_request(tmp_path):
    process, address = start_app(tmp_path, "--log-level", "info")
    try:
        wait_until(process, lambda: is_answered(address))
        client = Client(address, verbose=False, analytics_enabled=False, download_files=False)
        with pytest.raises(AppError):
            client.predict("nothing", api_name="/stop_training")
        client.close()
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert re.fullmatch(r"\d{4}-.* INFO stop_training: failed, .* s of work, .* s of waiting\n", errors)
