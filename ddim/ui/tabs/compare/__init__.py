"""The tab Compare."""

from ddim.ui.tabs.compare.tab import build

__all__ = ["build"]
