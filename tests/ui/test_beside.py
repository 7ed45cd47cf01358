"""What ships beside the weights, as browsers fetch it."""

from http import HTTPStatus
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

from ddim.media.images import save_png
from ddim.model.weights import WEIGHTS_DIR
from ddim.ui import beside


@pytest.fixture
def weights_dir(tmp_path, monkeypatch):
    monkeypatch.setattr(beside, "WEIGHTS_DIR", tmp_path)
    (tmp_path / "red rose.forming.webp").write_bytes(b"a film")
    return tmp_path


def ask(served, place):
    with urlopen(f"{served[0]}{place}") as answer:
        return answer.headers, answer.read()


def test_a_file_is_fetched_once_by_an_address_that_is_its_own(served, weights_dir):
    address = beside.address_of("red rose", beside.FORMING)
    headers, content = ask(served, address)
    assert (headers["Content-Type"], content) == ("image/webp", b"a film")
    assert "immutable" in headers["Cache-Control"]
    (weights_dir / "red rose.forming.webp").write_bytes(b"another film")
    assert beside.address_of("red rose", beside.FORMING) != address
    for place in (address, address.partition("?")[0]):  # not what this address promised
        headers, content = ask(served, place)
        assert (headers["Cache-Control"], content) == ("no-cache", b"another film")


def test_what_is_not_there_has_no_address(weights_dir):
    assert beside.address_of("red rose", beside.SPECIES) is None
    (weights_dir / "below").mkdir()
    (weights_dir / "below" / "run.forming.webp").write_bytes(b"")
    assert beside.address_of("below/run", beside.FORMING) is None


@pytest.mark.parametrize(
    "file", ["flowers64.json", "flowers64.weights.h5", "flowers64.walk.webp", "..%2fREADME.md", "%2e%2e%2fapp.py", ""]
)
def test_nothing_else_is_sent(served, file):
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{served[0]}beside/{file}")
    assert refused.value.code == HTTPStatus.NOT_FOUND


def test_the_page_names_no_folder_of_its_machine(served):
    for place in ("", "config"):
        _, content = ask(served, place)
        assert "forming.webp" in content.decode()
        assert str(WEIGHTS_DIR) not in content.decode()


def test_the_first_sheet_is_that_of_the_weights_that_the_page_opens_with(weights_dir, monkeypatch):
    monkeypatch.setattr(beside, "available", lambda: ["first", "second"])
    save_png(weights_dir / "second.png", np.zeros((8, 8, 3), np.uint8))
    assert beside.first_sheet() is None
    save_png(weights_dir / "first.png", np.zeros((8, 8, 3), np.uint8))
    with Image.open(beside.first_sheet()) as sheet:
        assert sheet.size == (8, 8) and sheet.filename.endswith("first.png")
