import pytest

from ddim.model.multiply_adds import multiply_adds
from ddim.model.unet import UNetConfig, build_unet

LARGE = {"widths": (64, 128, 256), "patch_size": 2, "conditioning": "blocks", "num_classes": 90, "embedding_size": 64}


@pytest.mark.parametrize(
    "options, millions",
    [
        ({}, 1141.9),
        (LARGE | {"attention_levels": 2, "attention_once": True}, 1091),
    ],
    ids=["the tutorial's", "with attention"],
)
def test_the_networks_of_the_literature_compute_what_was_counted_by_hand(options, millions):
    assert multiply_adds(build_unet(UNetConfig(**options))) == pytest.approx(1e6 * millions, rel=2e-3)


def test_a_transposed_convolution_paints_a_patch_for_each_pixel():
    plain, transposed = (
        multiply_adds(build_unet(UNetConfig(image_size=8, widths=(4, 6), block_depth=1, upsampling=upsampling)))
        for upsampling in ("nearest", "transposed")
    )
    assert transposed - plain == 4 * 4 * 4 * 4 * 6 * 6  # 4 x 4 pixels, patches of 4 x 4, 6 channels in and out
