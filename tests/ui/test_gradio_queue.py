"""A few places for each visitor, and none for those who never come for their answers."""

import json
import threading
import urllib.error
import urllib.request

import pytest
from gradio_client import Client
from serving import SlowEngine

from ddim.ui import gradio_queue

pytestmark = pytest.mark.slow


@pytest.fixture
def join(served):
    """Asks for pictures by hand, as a session of this name, and never listens: the answer's status and what it says."""
    address = served[0].rstrip("/")
    event = next(one for one in served[2].config["dependencies"] if one["api_name"] == "generate")
    shown = {component["id"]: component["props"].get("value") for component in served[2].config["components"]}

    def ask(session, num_images=2):
        data = [shown.get(number) for number in event["inputs"]]
        data[:3] = [0, num_images, 90]
        body = {"data": data, "fn_index": event["id"], "session_hash": session}
        return post(f"{address}/gradio_api/queue/join", body)

    return ask


def post(address, body):
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.fixture
def slow_engine(served, monkeypatch):
    """Requests that last, and are over when the test is."""
    yield SlowEngine(monkeypatch, seconds=0.2)
    queue = served[2]._queue
    for event in list(gradio_queue._pending(queue)):
        event.alive = False


def test_nobody_passes_by_the_queue(served, weights):
    status, answer = post(f"{served[0]}gradio_api/run/generate", {"data": [0, 1, 1, "ddim", 0, weights]})
    assert (status, "join the queue" in answer["detail"]) == (404, True)


def test_one_visitor_has_a_few_places_and_others_have_theirs(join, slow_engine):
    for _ in range(gradio_queue.PLACES_OF_ONE):
        assert join("greedy")[0] == 200
    told = f"You have {gradio_queue.PLACES_OF_ONE} requests running or waiting here: let one end first."
    assert join("greedy") == (503, {"detail": told})
    assert join("modest")[0] == 200


def test_who_never_comes_for_the_answer_makes_room_for_who_does(
    join, served, weights, slow_engine, monkeypatch, tmp_path
):
    monkeypatch.setattr(gradio_queue, "PLACES", 6)
    for number in range(6):
        join(f"silent {number}")
    assert join("late") == (503, {"detail": "6 requests are running or waiting here: try again in a minute."})
    monkeypatch.setattr(gradio_queue, "SECONDS_TO_LISTEN", 0)
    client = Client(served[0], verbose=False, download_files=tmp_path, analytics_enabled=False)
    answer = {}
    asked = {"seed": 1, "num_images": 1, "num_steps": 1, "weights": weights, "api_name": "/generate"}
    caller = threading.Thread(target=lambda: answer.update(gallery=client.predict(**asked)[0]))
    caller.start()
    caller.join(60)
    assert len(answer["gallery"]) == 1
