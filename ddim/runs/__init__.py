"""A training run as others see it: its folder, its process, and what comes and goes as a file."""

from ddim.moved import old_names

__getattr__ = old_names("ddim.runs")
