"""What a distillation is asked for, besides what every run is."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from ddim.configuration import Bounds, check_numbers, from_json
from ddim.diffusion.sampling import MAX_GUIDANCE
from ddim.errors import UserError
from ddim.training.config import DISTILLATION, TrainConfig

MAX_TEACHER_STEPS = 1024


@dataclass(frozen=True)
class DistillConfig:
    """Everything that decides a distillation (2403.06807) besides its TrainConfig.

    Attributes:
        teacher: The weights to learn from, as `load` takes them.
        teacher_sha256: Their checksum.
        steps: In how many steps the student is to make pictures, by DDIM on reference nodes.
        guidance: How far the teacher follows classes: the student learns what it then sees, and needs no guidance.
        first_teacher_steps: In how many steps the teacher would walk from noise to picture at the beginning: the
            student learns from one of these steps at a time.
        last_teacher_steps: In how many at the end, in between growing by the same factor each batch.
    """

    teacher: str
    teacher_sha256: str
    steps: Annotated[int, Bounds(at_least=1, at_most=16)] = 4
    guidance: Annotated[float, Bounds(at_least=0, at_most=MAX_GUIDANCE)] = 1.0
    first_teacher_steps: Annotated[int, Bounds(at_least=1, at_most=MAX_TEACHER_STEPS)] = 16
    last_teacher_steps: Annotated[int, Bounds(at_least=1, at_most=MAX_TEACHER_STEPS)] = 128

    def __post_init__(self) -> None:
        check_numbers(self)
        if not self.steps < self.first_teacher_steps <= self.last_teacher_steps:
            raise UserError(
                "A teacher takes more steps than its student, and no fewer at the end than at the beginning, but steps "
                f"are {self.steps}, first_teacher_steps {self.first_teacher_steps} and last_teacher_steps "
                f"{self.last_teacher_steps}."
            )

    def teacher_steps(self, part: float) -> int:
        """The teacher's steps in each of the student's, after this part of the run."""
        growth = self.last_teacher_steps / self.first_teacher_steps
        return round(self.first_teacher_steps * growth ** min(part, 1.0) / self.steps)


DEFAULTS: dict[str, Any] = {
    "epochs": 10,
    "class_dropout": 0.15,
    "loss": "pseudo_huber",
    "loss_on": "velocity",
    "optimizer": "muon",
    "learning_rate": 5e-4,
    "learning_rate_decay": "linear",
    "warmup_steps": 50,
    "weight_decay": 0.0,
    "average_lengths": (0.05, 0.1),
    "kid_images": 512,
}
"""Options of a TrainConfig, where a distillation is not told others."""

OF_THE_TEACHER = ("dataset", "horizontal_flips", "class_dropout")
"""Options that a student by default has from its teacher's training, as far as the card tells them."""


def options_of_teacher(card: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a TrainConfig that a student has from this card of its teacher."""
    training = card.get("training", {})
    return {name: training[name] for name in OF_THE_TEACHER if name in training}


def content_of(config: TrainConfig, distillation: DistillConfig | None) -> dict[str, Any]:
    """What a run was asked for, as its config.json has it."""
    return asdict(config) | ({DISTILLATION: asdict(distillation)} if distillation else {})


def distillation_of_run(run: Path) -> DistillConfig | None:
    """What a run was asked for as a distillation, if it is one. Raises UserError where that is damaged."""
    path = run / "config.json"
    try:
        content = json.loads(path.read_text())
        return from_json(DistillConfig, content[DISTILLATION]) if DISTILLATION in content else None
    except UserError:
        raise
    except (LookupError, TypeError, ValueError) as error:
        raise UserError(f"{path} does not tell what the run distils, so it cannot go on: {error}.") from error
