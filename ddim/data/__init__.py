"""Pictures to learn from and to measure by: a TFDS name or a folder -> uint8 arrays, and the class of each picture."""

from ddim.data.pictures import Dataset, Pictures, load_dataset, load_images, load_pictures

__all__ = ["Dataset", "Pictures", "load_dataset", "load_images", "load_pictures"]
