"""The tab Train."""

from ddim.ui.tabs.train.tab import build

__all__ = ["build"]
