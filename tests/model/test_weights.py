import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import ddim.model.weights
from ddim.diffusion.noise import noise_from_seeds
from ddim.errors import UserError
from ddim.model.diffusion_model import DiffusionModel, ModelConfig
from ddim.model.unet import build_unet
from ddim.model.weights import available, load, read, save

NOISY_IMAGES = noise_from_seeds(range(4), (8, 8, 3))
NOISE_VARIANCES = np.linspace(0.1, 1, 4, dtype=np.float32)


@pytest.fixture
def weights_dir(tmp_path, monkeypatch):
    """An empty folder in the place of that with the shipped weights, and the working directory beside it."""
    monkeypatch.setattr(ddim.model.weights, "WEIGHTS_DIR", tmp_path / "weights")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "weights"


@pytest.fixture
def shipped(weights_dir, tiny_model):
    save(tiny_model, weights_dir / "tiny")
    return weights_dir / "tiny"


def assert_one_clear_sentence(error, *parts):
    message = str(error.value)
    assert "\n" not in message and len(message) < 250 and message.endswith(".")
    for part in parts:
        assert part in message


def test_what_was_saved_is_loaded(tmp_path, tiny_config, tiny_network, tiny_normalizer):
    config = ModelConfig(tiny_config, "velocity", "linear_variance", 0.05, 0.9)
    model = DiffusionModel(config, tiny_network, tiny_normalizer)
    save(model, tmp_path / "new" / "mine", training={"steps": 12}, kid=0.25)
    loaded = load(tmp_path / "new" / "mine", precision="float32")
    assert loaded.card["name"] == str(tmp_path / "new" / "mine")  # what `load` takes
    assert loaded.config == config
    np.testing.assert_array_equal(loaded.normalizer, tiny_normalizer)
    assert (loaded.card["training"], loaded.card["kid"]) == ({"steps": 12}, 0.25)
    outputs = loaded.engine(NOISY_IMAGES, NOISE_VARIANCES)
    # What is loaded runs with folded normalization, which rounds otherwise.
    np.testing.assert_allclose(outputs, model.engine(NOISY_IMAGES, NOISE_VARIANCES), rtol=1e-5, atol=1e-5)
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"mine.weights.h5", "mine.json"}


def test_saving_again_replaces_numbers_and_card(shipped, tiny_config, tiny_network, tiny_normalizer):
    save(DiffusionModel(ModelConfig(tiny_config, "image"), tiny_network, tiny_normalizer), shipped)
    assert load("tiny", precision="float32").config.prediction_type == "image"


@pytest.fixture(scope="module")
def other_model(tiny_config, tiny_normalizer):
    """A model that differs from the tiny one in its network's shape, and in what it predicts."""
    config = ModelConfig(replace(tiny_config, widths=(4, 4)), "velocity")
    return DiffusionModel(config, build_unet(config.network), tiny_normalizer)


def test_whoever_reads_weights_while_they_are_replaced_gets_the_old_or_the_new(tmp_path, tiny_model, other_model):
    models = {model.config.prediction_type: model for model in (tiny_model, other_model)}
    save(tiny_model, tmp_path / "best")
    with ThreadPoolExecutor() as threads:
        saving = threads.submit(lambda: [save(model, tmp_path / "best") for model in 10 * list(models.values())])

        def meanwhile(read):
            found = [read(tmp_path / "best")]
            while not saving.done():
                found.append(read(tmp_path / "best"))
            return found

        reads = [threads.submit(meanwhile, read) for _ in range(2)]
        loads = threads.submit(meanwhile, partial(load, precision="float32"))
    saving.result()
    for card, content in reads[0].result() + reads[1].result():
        assert hashlib.sha256(content).hexdigest() == card["sha256"]
    assert {card["model"]["prediction_type"] for card, _ in reads[0].result()} == models.keys()
    for loaded in loads.result():
        expected = models[loaded.config.prediction_type]
        assert loaded.config == expected.config
        for numbers, wanted in zip(loaded.network.get_weights(), expected.network.get_weights(), strict=True):
            np.testing.assert_array_equal(numbers, wanted)


@pytest.mark.parametrize("replaced", range(3))
def test_a_save_that_is_cut_short_leaves_the_old_weights_or_the_new(
    tmp_path, monkeypatch, tiny_model, other_model, replaced
):
    save(tiny_model, tmp_path / "best")
    left = [ddim.model.weights.replace_file] * replaced

    def replace_or_die(unfinished, path):
        if not left:
            raise KeyboardInterrupt
        left.pop()(unfinished, path)

    monkeypatch.setattr(ddim.model.weights, "replace_file", replace_or_die)
    with pytest.raises(KeyboardInterrupt):
        save(other_model, tmp_path / "best")
    monkeypatch.undo()
    expected = tiny_model if replaced < 2 else other_model
    assert load(tmp_path / "best", "float32").config == expected.config
    save(other_model, tmp_path / "best", kid=0.25)
    assert load(tmp_path / "best", "float32").card["kid"] == 0.25
    assert "replaced" not in load_card(tmp_path / "best")


def test_precision_is_handed_on(shipped):
    assert load("tiny", precision="bfloat16").engine.precision == "bfloat16"
    assert load("tiny", precision="float32").engine.precision == "float32"


@pytest.mark.parametrize("name", ["tiny", "tiny.weights.h5", "runs/first"])
def test_weights_are_found_by_name_or_run(shipped, tiny_model, name):
    save(tiny_model, "runs/first/best")
    assert load(name, precision="float32").card["name"] == name


def test_weights_are_found_by_path_with_and_without_ending_and_by_folder(shipped, tiny_model, tmp_path):
    save(tiny_model, tmp_path / "run" / "best")
    for name in ("run/best", "run/best.weights.h5", "run"):
        for path in (tmp_path / name, str(tmp_path / name), f"../{name}"):
            assert load(path, precision="float32").card["name"] == str(path)


def test_a_shipped_name_comes_before_a_path(shipped, tiny_model):
    save(tiny_model, "tiny", origin="working directory")
    assert "origin" not in load("tiny", precision="float32").card
    assert load("./../elsewhere/tiny", precision="float32").card["origin"] == "working directory"


def test_available_lists_shipped_weights_and_then_runs_with_weights(shipped, tiny_model, tmp_path):
    assert available() == ["tiny"]
    save(tiny_model, shipped.with_name("another"))
    for run in ("zebra", "apple"):
        save(tiny_model, f"runs/{run}/best")
    (tmp_path / "elsewhere/runs/without_weights").mkdir()
    assert available() == ["another", "tiny", "runs/apple", "runs/zebra"]
    assert available(tmp_path) == ["another", "tiny"]
    for name in available():
        load(name, precision="float32")


def test_missing_weights_are_refused_with_what_there_is(shipped):
    with pytest.raises(FileNotFoundError) as error:
        load("roses")
    assert_one_clear_sentence(error, "No weights are called 'roses'", "tiny")


def test_missing_weights_are_refused_where_there_are_none(weights_dir):
    with pytest.raises(FileNotFoundError) as error:
        load("roses")
    assert_one_clear_sentence(error, "'roses'", "There are: none")


def test_truncated_weights_are_refused(shipped):
    weights = shipped.with_name("tiny.weights.h5")
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError) as error:
        load("tiny")
    assert_one_clear_sentence(error, "tiny.weights.h5 is damaged or was changed")


def test_empty_weights_are_refused(shipped):
    shipped.with_name("tiny.weights.h5").write_bytes(b"")
    with pytest.raises(ValueError) as error:
        load("tiny")
    assert_one_clear_sentence(error, "tiny.weights.h5 is damaged or was changed")


def test_weights_of_another_checksum_are_refused(shipped):
    weights = shipped.with_name("tiny.weights.h5")
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ValueError) as error:
        load("tiny")
    assert_one_clear_sentence(error, "its checksum begins with", load_card(shipped)["sha256"][:8])


def load_card(stem):
    return json.loads(stem.with_name(f"{stem.name}.json").read_text())


def test_weights_without_a_card_are_refused(shipped):
    shipped.with_name("tiny.json").unlink()
    with pytest.raises(FileNotFoundError) as error:
        load("tiny")
    assert_one_clear_sentence(error, "tiny.weights.h5 has no tiny.json beside it")


@pytest.mark.parametrize("content", [b"", b'{"name": "tiny", "mod', b"\xff\xfe\x00picture"], ids=repr)
def test_a_card_that_is_not_json_is_refused(shipped, content):
    shipped.with_name("tiny.json").write_bytes(content)
    with pytest.raises(ValueError) as error:
        load("tiny")
    assert_one_clear_sentence(error, "tiny.json is not JSON")


@pytest.mark.parametrize("content", ["[]", "7", "null", "{}", '{"model": {}, "normalizer": {}}'])
def test_a_card_that_describes_no_weights_is_refused(shipped, content):
    shipped.with_name("tiny.json").write_text(content)
    with pytest.raises(ValueError) as error:
        load("tiny")
    assert_one_clear_sentence(error, "tiny.json does not describe weights")


@pytest.mark.parametrize(
    "damage",
    [
        {"model": {}},
        {"model": "tiny"},
        {"model": {"network": {"colour": "red"}}},
        {"model": {"network": {}, "colour": "red"}},
        {"normalizer": {"mean": [0, 0, 0]}},
        {"sha256": None},
    ],
    ids=str,
)
def test_a_card_whose_parts_are_damaged_is_refused(shipped, damage):
    shipped.with_name("tiny.json").write_text(json.dumps(load_card(shipped) | damage))
    with pytest.raises(ValueError) as error:
        load("tiny")
    assert_one_clear_sentence(error, "tiny")


def claim_widths(shipped, widths):
    """Let the card say that the network has other widths than it has."""
    card = load_card(shipped)
    card["model"]["network"]["widths"] = widths
    shipped.with_name("tiny.json").write_text(json.dumps(card))


@pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")  # Keras warns before it raises
def test_a_card_of_another_network_is_refused(shipped):
    claim_widths(shipped, [4, 16])
    with pytest.raises(ValueError) as error:
        load("tiny")
    assert_one_clear_sentence(error, "tiny")


def test_a_card_of_a_network_that_is_larger_than_its_file_is_refused_before_anything_is_built(shipped, monkeypatch):
    monkeypatch.setattr(ddim.model.weights, "build_unet", lambda config: pytest.fail("A network was built."))
    claim_widths(shipped, [1000, 1000])
    with pytest.raises(UserError) as error:
        load("tiny")
    assert_one_clear_sentence(error, "tiny.weights.h5 is too small for the network that its card describes")


@pytest.mark.parametrize(
    "network",
    [{"widths": [10**9, 10**9]}, {"widths": [4] * 10**5}, {"block_depth": 10**400}, {"image_size": 1e300}]
    + [{"embedding_max_frequency": float("nan")}, {"widths": [8000] * 4, "block_depth": 32, "image_size": 64}],
    ids=lambda network: str(network)[:30],
)
def test_a_card_of_a_network_without_bounds_is_refused(shipped, network):
    card = load_card(shipped)
    card["model"]["network"] |= network
    shipped.with_name("tiny.json").write_text(json.dumps(card))
    with pytest.raises(UserError) as error:
        load("tiny")
    assert_one_clear_sentence(error, "tiny.json does not describe weights")


@pytest.mark.parametrize("way", [{"num_steps": "four"}, {"num_steps": 0}, {"solver": "euler"}, {"guidance": "strong"}])
def test_a_card_that_asks_for_an_impossible_way_of_sampling_is_refused(shipped, way):
    shipped.with_name("tiny.json").write_text(json.dumps({**load_card(shipped), **way}))
    with pytest.raises(UserError) as error:
        load("tiny")
    assert_one_clear_sentence(error, "tiny.json does not describe weights")


def test_a_card_that_is_endless_in_any_way_is_refused(shipped):
    for content in ("[" * 100_000, json.dumps(load_card(shipped) | {"classes": {"rose": float("inf")}})):
        shipped.with_name("tiny.json").write_text(content)
        with pytest.raises(UserError) as error:
            load("tiny")
        assert_one_clear_sentence(error, "tiny.json")
