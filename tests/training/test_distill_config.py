import json

import numpy as np
import pytest

from ddim.runs.folder import write_json
from ddim.training.config import TrainConfig, config_of_run
from ddim.training.distill_config import DistillConfig, content_of, distillation_of_run

ASKED = DistillConfig("runs/species", "0123", steps=4, guidance=2.0, first_teacher_steps=16, last_teacher_steps=128)


def test_the_steps_of_the_teacher_become_shorter_by_the_same_factor_each_batch():
    counts = [ASKED.teacher_steps(part) for part in np.linspace(0, 1, 7)]
    exact = [4 * 2**exponent for exponent in np.linspace(0, 3, 7)]  # in each of four segments
    np.testing.assert_allclose(counts, exact, atol=0.5)
    assert ASKED.teacher_steps(1.5) == 32  # a run that was given fewer epochs


def test_what_was_asked_for_comes_back_from_the_folder_of_the_run(tmp_path):
    config = TrainConfig(epochs=7)
    write_json(tmp_path / "config.json", content_of(config, ASKED))
    assert distillation_of_run(tmp_path) == ASKED
    assert config_of_run(tmp_path) == config
    write_json(tmp_path / "config.json", content_of(config, None))
    assert distillation_of_run(tmp_path) is None
    assert config_of_run(tmp_path) == config


@pytest.mark.parametrize("damage", [{}, {"teacher": "a", "teacher_sha256": "0", "steps": 0}, {"colour": "red"}, "a"])
def test_a_damaged_distillation_is_refused(tmp_path, damage):
    content = content_of(TrainConfig(), None) | {"distillation": damage}
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"does not tell what the run distils|steps must be"):
        distillation_of_run(tmp_path)
