"""The tab Animate."""

from ddim.ui.tabs.animate.tab import build

__all__ = ["build"]
