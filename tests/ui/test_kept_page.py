"""The page's HTML is made once for each address by which it is seen."""

from urllib.request import Request, urlopen

import pytest
from starlette.datastructures import MutableHeaders
from starlette.testclient import TestClient

from ddim.ui.kept_page import PLACES, kept


class Page:
    """An app that counts how often its page is made."""

    auth = auth_dependency = None

    def __init__(self):
        self.made = 0

    async def __call__(self, scope, receive, send):
        self.made += 1
        status = 404 if scope["path"] == "/nowhere" else 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"x-number", b"%d" % self.made)]})
        await send({"type": "http.response.body", "body": b"begun, ", "more_body": True})
        await send({"type": "http.response.body", "body": b"%d" % self.made})


@pytest.fixture
def page():
    return Page()


@pytest.fixture
def browser(page):
    inner = kept(page)

    async def app(scope, receive, send):
        async def send_with_header(message):
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("X-Added", "once")
            await send(message)

        await inner({**scope, "app": page}, receive, send_with_header)

    return TestClient(app)


def test_who_asks_by_the_same_address_gets_the_same_answer(browser):
    first, again, linked = browser.get("/"), browser.get("/"), browser.get("/?tab=animate&seeds=7")
    assert first.text == again.text == linked.text == "begun, 1"
    assert first.headers == again.headers and again.headers.get_list("x-added") == ["once"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "flowers.example"},
        {"X-Forwarded-Host": "flowers.example"},
        {"X-Forwarded-Proto": "https"},
        {"Accept-Encoding": "identity"},
    ],
)
def test_who_sees_it_otherwise_gets_another(browser, headers):
    browser.get("/")
    assert browser.get("/", headers=headers).text == "begun, 2"
    assert browser.get("/").text == "begun, 1"


@pytest.mark.parametrize("place", ["/config", "/nowhere", "/?deep_link=abc", "/?page=other"])
def test_everything_else_is_asked_of_gradio(browser, place):
    assert [browser.get(place).text for _ in range(2)] == ["begun, 1", "begun, 2"]
    assert [browser.post("/").text for _ in range(2)] == ["begun, 3", "begun, 4"]


def test_a_page_behind_a_login_is_made_for_each(browser, page):
    page.auth = {}
    assert [browser.get("/").text for _ in range(2)] == ["begun, 1", "begun, 2"]


def test_of_many_addresses_the_oldest_is_forgotten(browser):
    for number in range(PLACES + 1):
        browser.get("/", headers={"Host": f"{number}.example"})
    assert browser.get("/", headers={"Host": "1.example"}).text == "begun, 2"
    assert browser.get("/", headers={"Host": "0.example"}).text == f"begun, {PLACES + 2}"


def test_the_page_itself_is_kept_and_knows_its_address(served):
    def page(**headers):
        return urlopen(Request(served[0], headers=headers)).read()

    assert page() == page()
    assert b"https://flowers.example/card.png" in page(
        **{"X-Forwarded-Host": "flowers.example", "X-Forwarded-Proto": "https"}
    )
    assert b"flowers.example" not in page()
