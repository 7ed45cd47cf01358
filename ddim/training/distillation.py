"""Learning to make pictures in a few steps, from a teacher that takes many: multistep consistency distillation.

Multistep Consistency Models (2403.06807), Algorithm 1. The student begins as a copy of its teacher, and learns to cross
each segment of the way from noise to picture in one step (segments.py). Wherever it is in a segment, the teacher takes
one small step of DDIM for it, and what the student itself says there about the end of the segment is what it should
have said before. At the last such step of a segment only the teacher has a say, and from there truth spreads.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np
from keras import ops

from ddim.data import Pictures
from ddim.diffusion.sampling import SampleConfig
from ddim.diffusion.segments import Turns, rates_at_angles, turned, turns_at, velocities_between
from ddim.errors import UserError
from ddim.model.diffusion_model import DiffusionModel, PredictionType, read_outputs, targets_of
from ddim.model.weights import load
from ddim.processes.member import Member
from ddim.training.config import DISTILLATION, TrainConfig
from ddim.training.distill_config import DistillConfig
from ddim.training.examples import (
    Batches,
    Examples,
    class_weights_in,
    generator_at,
    stratified_quantiles,
    training_examples,
    validation_examples,
)
from ddim.training.learning import learning_network

VALIDATION_IMAGES = 256
VALIDATION_STEPS = 16  # of the teacher in each segment


class Distillation:
    """What a student learns by.

    Attributes:
        model: What the run begins with: the teacher, but with the student's way of sampling on its card.
    """

    def __init__(self, config: TrainConfig, distillation: DistillConfig):
        """Raises UserError if the teacher is no longer what it was, and what `load` raises."""
        teacher = load(distillation.teacher, "float32" if config.precision == "float32" else "auto")
        if teacher.card["sha256"] != distillation.teacher_sha256:
            raise UserError(
                f"The teacher has changed: {distillation.teacher} is {teacher.card['sha256'][:8]} now, but the run has "
                f"learned from {distillation.teacher_sha256[:8]}."
            )
        if distillation.guidance != 1 and not teacher.classes:
            raise UserError(f"{distillation.teacher} knows no classes to be guided by: leave out guidance.")
        self.teacher = teacher
        self.distillation = distillation
        self.config = replace(config, model=teacher.config)
        self.schedule = teacher.sample_config().schedule()
        way = SampleConfig(num_steps=distillation.steps)
        card = {
            "num_steps": way.num_steps,
            "solver": way.solver,
            "node_placement": way.node_placement,
            "guidance": way.guidance,
            DISTILLATION: {**asdict(distillation), "teacher": Path(distillation.teacher).name},
        }
        self.model = DiffusionModel(
            teacher.config, teacher.network, teacher.normalizer, card=card, classes=teacher.classes
        )

    def learner(self, network: keras.Model) -> keras.Model:
        """The student twice: now, and a little later."""
        return distilling_network(network, self.config.model.prediction_type)

    def training_examples(self, pictures: Pictures, total_steps: int, member: Member) -> Callable[[int], Examples]:
        """A function from a step to its batch, or this process's share of it: pictures, noise and classes of a common
        training, but a step apart.
        """
        class_weights = class_weights_in(pictures, self.model.classes)
        common = training_examples(pictures.images, class_weights, self.config, self.model.normalizer, member)
        batch_size = self.config.batch_size

        def examples_at(step: int) -> Examples:
            examples = common(step)
            generator = generator_at(self.config.seed, step, purpose=3)
            quantiles = stratified_quantiles(generator, batch_size)[member.share(batch_size)]
            steps_in_each = self.distillation.teacher_steps(step / total_steps)
            turns = turns_at(quantiles, self.distillation.steps, steps_in_each, self.schedule)
            return self._one_step_apart(examples, turns)

        return examples_at

    def _one_step_apart(self, examples: Examples, turns: Turns) -> Examples:
        """Noisy pictures now and after a step of the teacher; targets are all of the truth that is not the student's.

        At the end of the segment, z_e = cos(b) z_s - sin(b) v_s, where b is the turn from later (s) to the end and v_s
        what the student sees later. The velocity that leads there from now, by c, is then a sum of what is known here
        and of sin(b) / sin(c) v_s.
        """
        noisy_images, class_weights = _noisy(examples, turns.now), examples.inputs.get("class_weights")
        later_images = self._teacher_step(noisy_images, turns.now, turns.to_later, class_weights)
        without_student = np.cos(turns.later_to_end) * later_images
        known = velocities_between(noisy_images, without_student, turns.to_end)
        later = {
            "later_images": later_images,
            "later_variances": _variances(turns.now - turns.to_later),
            "shares": np.sin(turns.later_to_end) / np.sin(turns.to_end),
        }
        return _examples(noisy_images, turns.now, known, later, class_weights)

    def validation_batches(self, pictures: Pictures) -> Batches:
        """Pictures at the beginnings of segments, and where the teacher gets from there in many steps."""
        count = min(VALIDATION_IMAGES, len(pictures.images))
        config = replace(self.config, batch_size=min(self.config.batch_size, count))
        class_weights = class_weights_in(pictures, self.model.classes)
        common = validation_examples(pictures.images, class_weights, config, self.model.normalizer)
        batches = [self._whole_segment(common(number)) for number in range(count // config.batch_size)]
        return Batches(batches.__getitem__, 0, len(batches))

    def _whole_segment(self, examples: Examples) -> Examples:
        steps, class_weights = self.distillation.steps, examples.inputs.get("class_weights")
        segments = np.arange(len(examples.targets["image"])) % steps
        whole = turns_at((segments + 0.5) / steps, steps, 1, self.schedule)
        beginning = noisy_images = _noisy(examples, whole.now)
        for number in reversed(range(VALIDATION_STEPS)):
            part = (number + 0.5) / VALIDATION_STEPS
            turns = turns_at((segments + part) / steps, steps, VALIDATION_STEPS, self.schedule)
            noisy_images = self._teacher_step(noisy_images, turns.now, turns.to_later, class_weights)
        velocities = velocities_between(beginning, noisy_images, whole.to_end)
        return _examples(beginning, whole.now, velocities, {}, class_weights)

    def _teacher_step(
        self, noisy_images: np.ndarray, angles: np.ndarray, turns: np.ndarray, class_weights: np.ndarray | None
    ) -> np.ndarray:
        """Noisy pictures (B, H, W, C) at these angles, one step of DDIM later, with the teacher's guidance."""
        rates = rates_at_angles(angles)
        seen = self.teacher.denoise(noisy_images, rates, class_weights, self.distillation.guidance)
        velocities = targets_of("velocity", seen.noises, seen.images, rates)
        return turned(noisy_images, velocities, turns).astype(np.float32)


def distilling_network(network: keras.Model, prediction_type: PredictionType) -> keras.Model:
    """Like `learning_network`, but from all outputs, as parts of the velocity, that is taken which the student itself
    adds to their targets: `shares` of what it sees in `later_images`, which gradients do not pass.

    Both looks are through the moving averages of batch normalization, as in sampling: these stay as the teacher has
    them. What two batches' own statistics differ by would be taken for a difference between now and later.
    """
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    student = learning_network(network, prediction_type)
    inputs = {tensor.name: tensor for tensor in network.inputs}
    later = {
        name: keras.Input(inputs[of].shape[1:], dtype="float32", name=name)
        for name, of in (("later_images", "noisy_images"), ("later_variances", "noise_variances"))
    }
    shares = keras.Input((1, 1, 1), dtype="float32", name="shares")
    now = student(inputs)
    then = student({**inputs, "noisy_images": later["later_images"], "noise_variances": later["later_variances"]})
    velocities = shares * ops.stop_gradient(then["velocity"])
    variances = ops.reshape(inputs["noise_variances"], (-1, 1, 1, 1))
    outputs = {
        "noise": now["noise"] - ops.sqrt(1 - variances) * velocities,
        "image": now["image"] + ops.sqrt(variances) * velocities,
        "velocity": now["velocity"] - velocities,
    }
    return keras.Model({**inputs, **later, "shares": shares}, outputs)


def _noisy(examples: Examples, angles: np.ndarray) -> np.ndarray:
    """The pictures of these examples with their noise, at other levels."""
    rates = rates_at_angles(angles)
    noisy_images: np.ndarray = rates.signal * examples.targets["image"] + rates.noise * examples.targets["noise"]
    return noisy_images.astype(np.float32)


def _examples(
    noisy_images: np.ndarray,
    angles: np.ndarray,
    velocities: np.ndarray,
    later: dict[str, np.ndarray],
    class_weights: np.ndarray | None,
) -> Examples:
    """What Keras is given: float32 arrays, and the velocities told as noise and image too."""
    inputs = {"noisy_images": noisy_images, "noise_variances": _variances(angles), **later}
    if class_weights is not None:
        inputs["class_weights"] = class_weights
    seen = read_outputs("velocity", velocities, noisy_images, rates_at_angles(angles))
    targets = {"noise": seen.noises, "image": seen.images, "velocity": velocities}
    return Examples(
        inputs={name: array.astype(np.float32) for name, array in inputs.items()},
        targets={kind: array.astype(np.float32) for kind, array in targets.items()},
    )


def _variances(angles: np.ndarray) -> np.ndarray:
    """What networks are told of these angles (B, 1, 1, 1): noise variances (B,)."""
    return np.ravel(np.sin(angles) ** 2)
