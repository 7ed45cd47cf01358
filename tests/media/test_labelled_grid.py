import numpy as np
import pytest

from ddim.media.labelled_grid import GROUND, INK, labelled_grid


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (2, 3, 40, 40, 3), np.uint8)


def places_of(sheet, image):
    """Top left corners (y, x) of where this picture is in the sheet."""
    height, width, _ = image.shape
    windows = np.lib.stride_tricks.sliding_window_view(sheet, image.shape)[:, :, 0]
    return np.argwhere((windows == image).reshape(*windows.shape[:2], -1).all(axis=-1)).tolist()


def test_every_picture_is_there_once_in_rows_and_columns(images):
    sheet = labelled_grid(images, ["one", "two"], ["seed 0", "seed 1", "seed 2"])
    places = np.array([[places_of(sheet, image) for image in row] for row in images])
    assert places.shape == (2, 3, 1, 2)
    rows, columns = places[..., 0, 0], places[..., 0, 1]
    assert (rows == rows[:, :1]).all() and (np.diff(rows[:, 0]) >= 40).all()
    assert (columns == columns[:1]).all() and (np.diff(columns[0]) >= 40).all()


def test_labels_are_written_and_cover_no_picture(images):
    labels = ["20 steps\n39 evaluations, 12.34 s", "2\n3\n4\n5"], ["seed 4294967295"] * 3
    sheet, blank = labelled_grid(images, *labels), labelled_grid(images, ["", ""], ["", "", ""])
    for picture in images.reshape(-1, 40, 40, 3):
        assert len(places_of(sheet, picture)) == 1
    assert (sheet == INK).all(axis=-1).sum() > 50 > (blank == INK).all(axis=-1).sum()
    assert (sheet[0] == GROUND).all() and (sheet[:, -1] == GROUND).all()
    assert sheet.shape[0] > blank.shape[0] and sheet.shape[1] > blank.shape[1]


def test_room_for_longer_labels_keeps_frames_of_one_size(images):
    labels = ["1 step", "1000 steps\nwith a second line"]
    sheets = [labelled_grid(images, [label] * 2, ["a", "b", "c"], room_for=labels) for label in labels]
    assert sheets[0].shape == sheets[1].shape
    assert (sheets[0] != sheets[1]).any()
