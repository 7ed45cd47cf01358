"""How large a network is, told before it is built, against what Keras builds."""

from dataclasses import replace
from itertools import product

import pytest

from ddim.model.size import num_weights
from ddim.model.unet import UNetConfig, build_unet

BASE = UNetConfig(image_size=16, widths=(8, 16), block_depth=1, embedding_size=8)
OPTIONS = [
    {},
    {"image_size": 8},
    {"widths": (8, 24, 16)},
    {"widths": (8, 8, 8)},
    {"widths": (5, 3, 2), "block_depth": 3},
    {"block_depth": 2},
    {"embedding_size": 32},
    {"embedding_max_frequency": 20.0},
    {"normalization": "group"},
    {"normalization": "layer"},
    {"normalization": "none"},
    {"activation": "gelu"},
    {"upsampling": "nearest"},
    {"upsampling": "transposed"},
    {"residual_scaling": True},
    {"attention_levels": 1},
    {"attention_levels": 2, "widths": (40, 70)},  # two heads of 35 channels
    {"attention_levels": 2, "attention_once": True, "block_depth": 2},
    {"skips": "added", "block_depth": 2},
    {"skips": "added", "widths": (8, 8)},
    {"patch_size": 2},
    {"patch_size": 4, "block_depth": 2},
    {"conditioning": "blocks"},
    {"conditioning": "blocks", "num_classes": 3},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_takes_the_weights_that_keras_counts(options):
    config = replace(BASE, **options)
    assert num_weights(config) == build_unet(config).count_params()


TOGETHER = list(
    product(("batch", "layer"), ("concatenated", "added"), ("bilinear", "transposed"), (1, 2), (0, 2), ((), (0,), (5,)))
)


@pytest.mark.parametrize("options", TOGETHER[::5], ids=str)  # each value with each other
def test_options_together_take_the_weights_that_keras_counts(options):
    normalization, skips, upsampling, patch_size, attention_levels, num_classes = options
    config = replace(
        BASE,
        widths=(8, 8, 40),
        block_depth=2,
        normalization=normalization,
        skips=skips,
        upsampling=upsampling,
        patch_size=patch_size,
        attention_levels=attention_levels,
        attention_once=skips == "added",
        conditioning="blocks" if num_classes else "input",
        num_classes=sum(num_classes),
    )
    assert num_weights(config) == build_unet(config).count_params()
