"""Whatever is sent to whichever endpoint, the answer is a result or a sentence."""

import json
import logging
import urllib.error
import urllib.request
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from serving import serve

from ddim.errors import UserError
from ddim.runs import process

pytestmark = pytest.mark.slow

CALLS_OF_EACH = 5
SESSION = "fuzz"


@pytest.fixture(scope="module")
def page(tiny_model, species_model, tmp_path_factory):
    """A page of its own, on which nothing is really trained or deleted."""

    def refuse(*arguments):
        raise UserError("Nothing is trained here.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "start_run", refuse)
        patch.setattr(process, "delete_run", refuse)
        with serve(tiny_model, tmp_path_factory.mktemp("app"), species_model) as served:
            yield served


def post(address, body):
    """The answer's status and JSON."""
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def call(url, event, data, selected):
    """What comes of calling one event of the page: the last message about it."""
    body = json.dumps({"data": data, "fn_index": event["id"], "session_hash": SESSION, "event_data": selected})
    body = body.encode()
    if not event["queue"]:
        return post(f"{url}/gradio_api/run/predict", body)
    status, answer = post(f"{url}/gradio_api/queue/join", body)
    if status != 200:
        return status, answer
    with urllib.request.urlopen(f"{url}/gradio_api/queue/data?session_hash={SESSION}", timeout=60) as stream:
        for line in stream:
            message = json.loads(line.removeprefix(b"data: ") if line.strip() else b"{}")
            if message.get("msg") == "process_completed" and message["event_id"] == answer["event_id"]:
                return (200 if message["success"] else 500), message["output"]
    return 0, {}


ODD = st.sampled_from(
    ["", "\ud800", "9" * 5000, "[" * 5000, "../../etc/passwd", "NaN", -1, 2**64, 10**400, 1e308, float("nan"), [], {}]
    + [True, None, [[]], [None], {"path": "/etc"}, {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]
)
JUNK = st.one_of(ODD, st.integers(), st.text(max_size=20), st.lists(st.integers(), max_size=3))


def told(answer):
    """The sentence that an answer tells, if it is one."""
    for name in ("detail", "error"):
        if isinstance(answer.get(name), str):
            return answer[name]
    return None


def test_any_endpoint_answers_any_values_with_a_result_or_a_sentence(page, caplog, capfd):
    url, demo = page[0].rstrip("/"), page[2]
    shown = {component["id"]: component["props"].get("value") for component in demo.config["components"]}
    events = [event for event in demo.config["dependencies"] if event["backend_fn"]]
    assert len(events) > 50
    answers, bugs = Counter(), []

    @settings(
        max_examples=CALLS_OF_EACH, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(values=st.data())
    def fuzz(event, values):
        data = [shown[number] for number in event["inputs"]]
        for place in values.draw(st.sets(st.integers(0, max(0, len(data) - 1)), max_size=2)) if data else ():
            data[place] = values.draw(JUNK)
        selected = values.draw(
            st.sampled_from([None, "", {}, {"index": 10**9, "value": ""}, {"index": {}, "value": 0}])
        )
        status, answer = call(url, event, data, selected)
        answers[status] += 1
        if status != 200 and not told(answer):
            bugs.append((event["api_name"], data, status, answer))

    for event in events:
        fuzz(event)
    assert not bugs, bugs[:5]
    assert min(answers[200], answers[500]) > len(events) / 2  # both were tried
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "Traceback" not in capfd.readouterr().err
