"""What Gradio's page consists of, as browsers fetch it."""

import gzip
import re
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from gradio.routes import BUILD_PATH_LIB


def ask(served, place, **headers):
    with urlopen(Request(f"{served[0]}{place}", headers=headers)) as answer:
        return answer.headers, answer.read()


@pytest.fixture
def files(served):
    """The script and the style sheet that the page begins with."""
    page = urlopen(served[0]).read().decode()
    return sorted(set(re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page)))


def test_scripts_and_style_sheets_go_out_compressed_and_for_good(served, files):
    assert [file.rpartition(".")[2] for file in files] == ["css", "js"]
    for file in files:
        headers, body = ask(served, file, **{"Accept-Encoding": "gzip, deflate, br"})
        plain_headers, plain = ask(served, file)
        assert headers["Content-Encoding"] == "gzip" and len(body) < len(plain) / 2
        assert gzip.decompress(body) == plain
        for told in (headers, plain_headers):
            assert "immutable" in told["Cache-Control"] and told["Vary"] == "Accept-Encoding"
            assert told["X-Content-Type-Options"] == "nosniff"
            assert told["Content-Type"].startswith("text/css" if file.endswith("css") else "text/javascript")


def test_they_are_those_of_gradio(served, files):
    for file in files:
        with open(f"{BUILD_PATH_LIB}/{file.removeprefix('assets/')}", "rb") as opened:
            assert ask(served, file)[1] == opened.read()


@pytest.mark.parametrize("place", ["assets/none.js", "assets/..%2findex.html", "assets/%2e%2e", "assets/"])
def test_nothing_else_is_sent(served, place):
    with pytest.raises(HTTPError) as refused:
        ask(served, place)
    assert refused.value.code in (400, 403, 404)
