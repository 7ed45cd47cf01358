"""Many visitors at once: the short form of load.py, which says what they do."""

import os
import sys

import pytest
from load import load, told

from ddim.model.weights import save


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what a process holds on to")
def test_sixteen_visitors_at_once_see_no_wrong_picture_and_no_error_and_leave_nothing_behind(tiny_model, tmp_path):
    runs_dir = tmp_path / "runs"
    save(tiny_model, runs_dir / "tiny" / "best")
    tally, before, after = load(16, 60, f"{os.path.relpath(runs_dir)}/tiny", runs_dir, tmp_path)  # as the page says it
    print(told(tally, before, after))
    assert tally.num_pictures > 50
    assert tally.num_wrong == 0
    assert tally.unexplained == {}
    assert after.open_files <= before.open_files + 20  # clients keep a connection for a while
    assert after.threads <= before.threads + 70  # those that wait for work, which are not more than there are places
