"""The page as chats, search engines and browsers meet it, without a script."""

import gzip
import io
import re
from html.parser import HTMLParser
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from PIL import Image

from ddim.ui import card


class Head(HTMLParser):
    """Collects the title, the icon and the meta tags of a page."""

    def __init__(self, page):
        super().__init__()
        self.metas, self.icons, self.titles = [], [], page.count("<title>")
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        told = dict(attributes)
        if tag == "meta" and (name := told.get("property") or told.get("name")):
            self.metas.append((name, told.get("content", "")))
        if tag == "link" and "icon" in told.get("rel", ""):
            self.icons.append(told["href"])


@pytest.fixture
def first_page(served):
    return urlopen(served[0]).read().decode()


def test_who_can_read_it_compressed_gets_the_same_page_in_a_fifth_of_the_bytes(served, first_page):
    answer = urlopen(Request(served[0], headers={"Accept-Encoding": "gzip, br"}))
    body = answer.read()
    assert answer.headers["Content-Encoding"] == "gzip" and answer.headers["Vary"] == "Accept-Encoding"
    assert len(body) == int(answer.headers["Content-Length"]) < len(first_page) / 5
    assert gzip.decompress(body).decode() == first_page


def test_a_chat_reads_title_description_and_picture_once_each(served, first_page):
    head = Head(first_page)
    names = [name for name, _ in head.metas if name.startswith(("og:", "twitter:", "description"))]
    assert len(names) == len(set(names)) and head.titles == 1
    told = dict(head.metas)
    assert told["og:title"] == told["twitter:title"] == "DDIM playground"
    assert "flowers" in told["description"] == told["og:description"] == told["twitter:description"]
    assert told["og:image"] == told["twitter:image"] == f"{served[0].rstrip('/')}/card.png"
    assert not re.search("Click to try|@Gradio|teamGradio", first_page)
    with Image.open(io.BytesIO(urlopen(told["og:image"]).read())) as picture:
        assert picture.format == "PNG" and min(picture.size) >= 600


def test_who_reads_no_more_than_the_beginning_has_read_it_all(first_page):
    beginning = 16 * 1024
    assert Head(first_page[:beginning]).metas == Head(first_page).metas and Head(first_page[:beginning]).titles == 1


def test_a_browser_fetches_the_first_script_while_it_reads_the_rest(first_page):
    script = re.search(r'<script type="module"[^>]* src="([^"]+)"', first_page)
    preload = re.search(r'<link rel="modulepreload" crossorigin href="([^"]+)">', first_page)
    assert preload[1] == script[1] and preload.end() < 16 * 1024 < script.start()


def test_behind_a_proxy_the_picture_has_the_address_that_visitors_see(served):
    told = {"X-Forwarded-Host": "flowers.example", "X-Forwarded-Proto": "https"}
    head = Head(urlopen(Request(served[0], headers=told)).read().decode())
    assert dict(head.metas)["og:image"] == "https://flowers.example/card.png"


def test_the_icon_is_ours(served, first_page):
    assert Head(first_page).icons == ["favicon.ico"]
    answer = urlopen(f"{served[0].rstrip('/')}/favicon.ico")
    assert answer.read() == card.ICON.read_bytes()
    assert answer.headers["Content-Type"].startswith("image/svg+xml")


def test_weights_without_a_sheet_have_a_card_without_a_picture(served, monkeypatch):
    monkeypatch.setattr(card.beside, "first_sheet", lambda: None)
    page = urlopen(Request(served[0], headers={"Host": "sheetless.example"})).read().decode()
    told = dict(Head(page).metas)
    assert told["og:title"] == "DDIM playground" and not {name for name in told if "image" in name}
    with pytest.raises(HTTPError):
        urlopen(f"{served[0]}card.png")
