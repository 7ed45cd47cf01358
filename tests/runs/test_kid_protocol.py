"""KIDs that can be compared say the same protocol, and others do not."""

import pytest

from ddim.runs.folder import write_json
from ddim.runs.kid_protocol import kid_protocol

MEASURED = "InceptionV3 mixed5 at 75 pixels, encoder 0123abcd, 256 validation pictures"


def record(run, protocol=MEASURED, **options):
    run.mkdir()
    config = {"dataset": "flowers", "kid_block": "mixed5", "kid_images": 256} | options
    size = config.pop("image_size", 64)
    write_json(run / "config.json", {**config, "model": {"network": {"image_size": size}}})
    if protocol:
        write_json(run / "best.json", {"kid": {"protocol": protocol}})
    return kid_protocol(run)


def test_runs_that_differ_in_something_else_have_one_protocol(tmp_path):
    assert record(tmp_path / "one", epochs=3) == record(tmp_path / "other", epochs=5, loss="mse")


@pytest.mark.parametrize(
    "other",
    [
        {"protocol": MEASURED.replace("mixed5", "mixed10")},
        {"protocol": MEASURED.replace("0123", "4567")},
        {"protocol": MEASURED.replace("256", "255")},
        {"dataset": "cats"},
        {"image_size": 32},
        {"protocol": None},
    ],
)
def test_another_block_encoder_number_of_pictures_or_set_is_another_protocol(tmp_path, other):
    assert record(tmp_path / "one") != record(tmp_path / "other", **other)


def test_older_runs_are_told_apart_by_what_was_asked_for(tmp_path):
    told = record(tmp_path / "one", None)
    assert told == "InceptionV3 mixed5, at most 256 validation pictures; flowers of 64 x 64"
    assert told == record(tmp_path / "same", None)
    assert told != record(tmp_path / "block", None, kid_block="mixed10")
    assert told != record(tmp_path / "number", None, kid_images=1024)


def test_a_folder_is_called_by_its_name_alone(tmp_path):
    assert record(tmp_path / "one", dataset="folder:/home/me/cats").endswith("folder:cats of 64 x 64")


@pytest.mark.parametrize("content", ["[]", "{", '{"kid": 3, "model": 7}'])
def test_damaged_files_have_a_protocol_all_the_same(tmp_path, content):
    for name in ("config.json", "best.json"):
        (tmp_path / name).write_text(content)
    assert kid_protocol(tmp_path).startswith("InceptionV3 None")
