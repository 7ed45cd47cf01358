import json
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from tutorial_program import EXAMPLE, PICTURES, DiffusionModel, pictures_of

import ddim
from ddim.diffusion.noise import noise_from_seeds
from ddim.errors import UserError
from ddim.model.diffusion_model import ModelConfig
from ddim.model.unet import UNetConfig
from ddim.model.weights import load, read_card

NOISY_IMAGES = noise_from_seeds(range(4), (8, 8, 3))
NOISE_VARIANCES = np.linspace(0.1, 1, 4, dtype=np.float32)
ATOL = 2e-3  # the waves of 6000 radians end in another last bit

REVERSED = {"average": "ema_network", "network": "network", "normalizer": "normalizer"}
OTHERWISE = {"network": "denoiser", "normalizer": "data_normalizer", "average": "averaged_denoiser"}
UNNAMED = {"network": "network", "average": "slow_network", "normalizer": "normalizer"}  # Keras drops these names


@pytest.fixture(scope="module")
def program():
    return DiffusionModel()


@pytest.fixture
def file(program, tmp_path):
    program.save_weights(tmp_path / "diffusion_model.weights.h5")
    return tmp_path / "diffusion_model.weights.h5"


def assert_refused(path, *parts, kind=UserError):
    with pytest.raises(kind) as error:
        load(path)
    message = str(error.value)
    assert "\n" not in message and len(message) < 300 and message.endswith(".")
    assert path.name in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("attributes", [EXAMPLE, REVERSED, OTHERWISE, UNNAMED], ids=" ".join)
def test_outputs_are_those_of_the_programs_own_average(tmp_path, attributes):
    program = DiffusionModel(attributes=attributes)
    program.save_weights(tmp_path / "mine.weights.h5")
    model = load(tmp_path / "mine.weights.h5", "float32", image_size=8)
    inputs = [NOISY_IMAGES, NOISE_VARIANCES.reshape(-1, 1, 1, 1)]
    outputs = model.engine(NOISY_IMAGES, NOISE_VARIANCES)
    expected = program.parts()["average"].predict_on_batch(inputs)
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=ATOL)
    assert np.abs(outputs - program.parts()["network"].predict_on_batch(inputs)).max() > 0.1
    statistics = [PICTURES.mean(axis=(0, 1, 2)), PICTURES.var(axis=(0, 1, 2))]
    np.testing.assert_allclose(model.normalizer, statistics, rtol=1e-5)


@pytest.mark.parametrize(
    "widths, block_depth", [((4, 8), 2), ((4, 4), 3), ((8, 4, 4), 1), ((4, 4, 4, 4, 4), 1), ((36, 4), 2)]
)
def test_the_network_is_told_from_shapes(tmp_path, widths, block_depth):
    program = DiffusionModel(16, widths, block_depth)
    program.save_weights(tmp_path / "mine.weights.h5")
    model = load(tmp_path / "mine.weights.h5", "float32", image_size=16)
    assert model.config == ModelConfig(UNetConfig(16, widths, block_depth))
    noisy_images = noise_from_seeds(range(4), (16, 16, 3))
    expected = program.ema_network.predict_on_batch([noisy_images, NOISE_VARIANCES.reshape(-1, 1, 1, 1)])
    np.testing.assert_allclose(model.engine(noisy_images, NOISE_VARIANCES), expected, rtol=0, atol=ATOL)


def test_pictures_are_those_that_the_program_makes(program, file):
    noises = noise_from_seeds([3, 8], (8, 8, 3))
    images = ddim.generate(load(file, "float32", image_size=8), seeds=[3, 8], num_steps=5)
    np.testing.assert_allclose(images / 255, pictures_of(program, noises, 5), atol=1 / 255)


def test_pictures_have_64_pixels_a_side_unless_told_otherwise(file):
    assert load(file, "float32").image_shape == (64, 64, 3)
    assert load(file, "float32", image_size=32).image_shape == (32, 32, 3)
    with pytest.raises(UserError, match="image_size must be a multiple of 2, but is 7"):
        load(file, image_size=7)


def test_the_card_says_where_the_weights_come_from(file):
    card = read_card(file.with_name("diffusion_model"))
    assert card["imported"] == {"file": file.name, "sha256": card["sha256"], "network": "ema_network"}
    json.dumps(card)


def test_an_image_size_is_refused_where_a_card_says_it(tiny_weights):
    with pytest.raises(UserError, match="tiny.json says already"):
        load(tiny_weights, image_size=8)


def test_a_network_by_itself_needs_a_card(program, tmp_path):
    program.ema_network.save_weights(tmp_path / "alone.weights.h5")
    assert_refused(tmp_path / "alone.weights.h5", "no alone.json", "0 normalizers", kind=FileNotFoundError)


def test_two_networks_without_an_average_are_refused(tmp_path):
    attributes = {"network": "first", "average": "another", "normalizer": "normalizer"}
    DiffusionModel(attributes=attributes).save_weights(tmp_path / "twins.weights.h5")
    assert_refused(tmp_path / "twins.weights.h5", "another and first", "ema_network would be right")


def test_pictures_without_three_colours_are_refused(tmp_path):
    DiffusionModel(channels=1).save_weights(tmp_path / "digits.weights.h5")
    assert_refused(tmp_path / "digits.weights.h5", "channels number 1", "RGB")


def test_a_network_that_hears_the_noise_level_otherwise_is_refused(file):
    with h5py.File(file, "r+") as opened:  # as that of a book whose program hears one number
        for name in ("batch_normalization/vars/0", "batch_normalization/vars/1", "conv2d_1/vars/0", "conv2d_3/vars/0"):
            weights = opened[f"ema_network/layers/{name}"]
            fewer = weights[:5] if weights.ndim == 1 else weights[:, :, :5]
            del opened[f"ema_network/layers/{name}"]
            opened[f"ema_network/layers/{name}"] = fewer
    assert_refused(file, "embedding of size 1", "sines")


def test_weights_of_another_program_are_refused(tmp_path):
    images = keras.Input((8, 8, 3))
    network = keras.Model(images, keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(images)))
    network.save_weights(tmp_path / "other.weights.h5")
    assert_refused(tmp_path / "other.weights.h5", "2 layers such as 'layers/batch_normalization'", "ema_network")
    h5py.File(tmp_path / "empty.weights.h5", "w").close()
    assert_refused(tmp_path / "empty.weights.h5", "no layers")


def test_a_file_in_the_format_of_keras_2_is_refused(tmp_path):
    with h5py.File(tmp_path / "old.weights.h5", "w") as file:
        file.attrs["layer_names"] = ["conv2d"]
        file.attrs["backend"] = "tensorflow"
    assert_refused(tmp_path / "old.weights.h5", "format of Keras 2", "with Keras 3 by model.save_weights(")


@pytest.mark.parametrize("name", ["old.h5", "model.keras", "network.pkl", "checkpoint.ckpt"])
def test_files_of_other_formats_are_refused_unread(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x04cos\nsystem\n")
    assert_refused(tmp_path / name, "does not end in .weights.h5", "with Keras 3 by model.save_weights(")


def test_a_checkpoint_of_tensorflow_is_refused(tmp_path):
    for ending in (".index", ".data-00000-of-00001"):
        Path(f"{tmp_path / 'diffusion_model'}{ending}").write_bytes(b"numbers")
    assert_refused(tmp_path / "diffusion_model", "does not end in .weights.h5")


@pytest.mark.parametrize("kept", [0, 7, 100, 2000, 20000, -1])
def test_a_truncated_file_is_refused(file, kept):
    file.write_bytes(file.read_bytes()[:kept])
    assert_refused(file, "damaged or no HDF5 file", "what Keras 3 saves by")


def test_a_file_of_noise_is_refused(tmp_path):
    (tmp_path / "noise.weights.h5").write_bytes(np.random.default_rng(0).bytes(10000))
    assert_refused(tmp_path / "noise.weights.h5", "damaged or no HDF5 file")


def test_a_file_that_claims_more_than_it_holds_is_refused(tmp_path):
    with h5py.File(tmp_path / "hollow.weights.h5", "w") as file:
        for index, channels in enumerate((544, 512, 1024)):
            for number in ("0", "1"):
                file[f"ema_network/layers/batch_normalization_{index}/vars/{number}"] = np.ones(channels, np.float32)
        kernels = [(1, 3, 512), (3, 544, 512), (3, 512, 512), (1, 544, 512), (3, 512, 512), (3, 512, 512)]
        kernels += [(3, 1024, 512), (3, 512, 512), (1, 1024, 512), (1, 512, 3)]
        for index, (size, before, after) in enumerate(kernels):
            layer = file.create_group(f"ema_network/layers/conv2d_{index}/vars")
            layer.create_dataset("0", (size, size, before, after), np.float32, chunks=True)
            layer["1"] = np.zeros(after, np.float32)
        for number, value in enumerate((np.zeros(3), np.ones(3), 0)):
            file[f"normalizer/vars/{number}"] = value
    assert_refused(tmp_path / "hollow.weights.h5", "damaged")


def outside(group, path):
    group.create_dataset("0", (1, 1, 3, 4), np.float32, external=[(str(path), 0, 48)])


def virtual(group, path):
    layout = h5py.VirtualLayout((1, 1, 3, 4), np.float32)
    layout[:] = h5py.VirtualSource(path, "numbers", (1, 1, 3, 4))
    group.create_virtual_dataset("0", layout)


@pytest.mark.parametrize("put", [outside, virtual])
def test_numbers_in_another_file_are_not_read(file, tmp_path, put):
    with h5py.File(tmp_path / "another.h5", "w") as another:
        another["numbers"] = np.ones((1, 1, 3, 4), np.float32)
    with h5py.File(file, "r+") as opened:
        del opened["ema_network/layers/conv2d/vars/0"]
        put(opened["ema_network/layers/conv2d/vars"], tmp_path / "another.h5")
    assert_refused(file, "damaged")
