"""Denoising diffusion implicit models: a few names to load weights and make pictures; the rest is in the modules."""

from ddim.checkpoints import available, load
from ddim.sampling import generate, sample

__all__ = ["available", "generate", "load", "sample"]
