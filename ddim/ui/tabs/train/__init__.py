"""The tab Train."""

from ddim.ui.tabs.train.rights import EVERYDAY, Rules
from ddim.ui.tabs.train.tab import build

__all__ = ["EVERYDAY", "Rules", "build"]
