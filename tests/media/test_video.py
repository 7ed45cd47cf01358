import errno
import gc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ddim.media import video


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("num_frames", [3, 300])
@pytest.mark.parametrize(("free", "code"), [(0, errno.ENOSPC), (1 << 30, errno.EIO)])
def test_a_video_that_cannot_be_written_is_an_error(tmp_path, monkeypatch, capfd, num_frames, free, code):
    (tmp_path / "film.mp4").symlink_to("/dev/full")
    monkeypatch.setattr(video.shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    frames = np.random.default_rng(0).integers(0, 256, (num_frames, 64, 64, 3), np.uint8)
    with pytest.raises(OSError) as error:
        video.save_mp4(tmp_path / "film.mp4", frames, 20, "A film")
    assert error.value.errno == code
    assert "ffmpeg" not in str(error.value).lower()
    del error
    gc.collect()
