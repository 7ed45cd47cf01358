"""The tab Generate."""

from ddim.ui.tabs.generate.first_screen import first_screen
from ddim.ui.tabs.generate.tab import build

__all__ = ["build", "first_screen"]
