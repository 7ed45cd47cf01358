"""The model: the network, what runs it, what its outputs mean, and its weights on disk."""

from ddim.moved import old_names

__getattr__ = old_names("ddim.model")
