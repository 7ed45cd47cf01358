"""A file of weights against the network that it is said to hold, before anything is built or read of either.

Whoever uploads weights writes their card as well. A card of a few bytes can describe a network of gigabytes, and a file
of HDF5 can hold arrays of gigabytes that are nowhere on the disk.
"""

from pathlib import Path

from ddim.errors import UserError
from ddim.model.size import BYTES, num_weights
from ddim.model.unet import UNetConfig


def check_file(path: Path, network: UNetConfig) -> None:
    """Raise UserError unless the file is as large as the weights of this network, and holds no more than these."""
    expected, size = BYTES * num_weights(network), path.stat().st_size
    if size < expected:
        raise UserError(
            f"{path.name} is too small for the network that its card describes: {expected // BYTES} weights take "
            f"{expected} bytes, but the file has {size}."
        )
    if _declared_bytes(path) > expected:
        raise UserError(f"{path.name} holds more than the weights of the network that its card describes.")


def _declared_bytes(path: Path) -> int:
    """What all arrays in an HDF5 file would take in memory. Raises UserError if it is none, or a damaged one."""
    import h5py  # with Keras, which takes its time

    sizes: list[int] = []

    def note(name: str, item: h5py.HLObject) -> None:
        if isinstance(item, h5py.Dataset):
            sizes.append(item.nbytes)

    try:
        with h5py.File(path) as file:
            file.visititems(note)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise UserError(f"{path.name} is not a file of weights, or is damaged.") from error
    return sum(sizes)
