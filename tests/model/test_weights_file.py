"""A file is held against its card before anything is built or read."""

import h5py
import numpy as np
import pytest

from ddim.errors import UserError
from ddim.model.size import num_weights
from ddim.model.unet import UNetConfig
from ddim.model.weights_file import check_file


@pytest.fixture
def path(tiny_network, tmp_path):
    tiny_network.save_weights(tmp_path / "tiny.weights.h5")
    return tmp_path / "tiny.weights.h5"


def test_the_file_of_a_network_fits_it(path, tiny_config):
    check_file(path, tiny_config)


def test_a_file_that_is_too_small_for_its_card_is_refused(path):
    with pytest.raises(
        UserError, match="^tiny.weights.h5 is too small for the network that its card describes: 1953507"
    ):
        check_file(path, UNetConfig())


def test_a_file_that_lacks_one_number_is_refused(tiny_config, tmp_path):
    (tmp_path / "tiny.weights.h5").write_bytes(bytes(4 * num_weights(tiny_config) - 1))
    with pytest.raises(UserError, match="is too small"):
        check_file(tmp_path / "tiny.weights.h5", tiny_config)


@pytest.mark.parametrize("kind", [{}, {"chunks": (1 << 10,), "compression": "gzip"}], ids=["nowhere", "packed"])
def test_an_array_of_gigabytes_that_is_nowhere_in_the_file_is_refused(path, tiny_config, kind):
    with h5py.File(path, "a") as file:
        file.create_dataset("layers/enormous/vars/0", (1 << 30,), np.float32, **kind)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(UserError, match="^tiny.weights.h5 holds more than the weights of the network"):
        check_file(path, tiny_config)


@pytest.mark.parametrize(
    "content", [bytes(100_000), b"\x89HDF\r\n\x1a\n" + bytes(100_000)], ids=["zeros", "a beginning"]
)
def test_a_file_of_another_kind_is_refused(tiny_config, tmp_path, content):
    (tmp_path / "tiny.weights.h5").write_bytes(content)
    with pytest.raises(UserError, match="^tiny.weights.h5 is not a file of weights, or is damaged.$"):
        check_file(tmp_path / "tiny.weights.h5", tiny_config)


def test_a_file_with_changed_bytes_fits_or_is_refused_in_a_sentence(path, tiny_config):
    content = path.read_bytes()
    for place in range(0, len(content), 1009):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            check_file(path, tiny_config)
        except UserError as error:
            assert str(error).startswith("tiny.weights.h5")
