"""The tab Interpolate."""

from ddim.ui.tabs.interpolate.tab import build

__all__ = ["build"]
