"""Learning to tell noise from picture: what a run learns unless it distils."""

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np

from ddim.data import Pictures
from ddim.errors import UserError
from ddim.model.classes import MIN_PICTURES, classes_of
from ddim.model.diffusion_model import DiffusionModel, Normalizer
from ddim.model.unet import build_unet
from ddim.model.weights import load
from ddim.processes.member import Member
from ddim.training.config import TrainConfig
from ddim.training.examples import Batches, Examples, class_weights_in, training_examples, validation_examples
from ddim.training.learning import learning_network
from ddim.training.validation import GUIDANCE


class Denoising:
    """What a network learns by that is shown pictures with noise on them, and told both.

    Attributes:
        model: What the run begins with.
    """

    def __init__(self, config: TrainConfig, pictures: Pictures):
        """Raises UserError for too few classes, and for weights to begin with that do not fit."""
        classes = classes_of(pictures.class_names.tolist()) if config.class_conditional else {}
        if config.class_conditional and len(classes) < 2:
            raise UserError(
                f"{config.dataset} has no two classes with {MIN_PICTURES} pictures each: leave out class_conditional."
            )
        network = replace(config.model.network, num_classes=len(classes))
        self.config = replace(config, model=replace(config.model, network=network))
        self.model = _initial_model(self.config, pictures.images, classes)

    def learner(self, network: keras.Model) -> keras.Model:
        """The network, with outputs that losses can be of."""
        return learning_network(network, self.config.model.prediction_type)

    def training_examples(self, pictures: Pictures, total_steps: int, member: Member) -> Callable[[int], Examples]:
        """A function from a step to its batch, or this process's share of it."""
        class_weights = class_weights_in(pictures, self.model.classes)
        return training_examples(pictures.images, class_weights, self.config, self.model.normalizer, member)

    def validation_batches(self, pictures: Pictures) -> Batches:
        """All pictures once."""
        config = replace(self.config, batch_size=min(self.config.batch_size, len(pictures.images)))
        class_weights = class_weights_in(pictures, self.model.classes)
        examples_at = validation_examples(pictures.images, class_weights, config, self.model.normalizer)
        return Batches(examples_at, 0, len(pictures.images) // config.batch_size)


def _initial_model(config: TrainConfig, images: np.ndarray, classes: dict[str, int]) -> DiffusionModel:
    """A fresh model for these pictures, or one that goes on from `init_weights`, whose noise levels may differ.

    Raises UserError if those are weights of another network, or for another prediction.
    """
    card = {"guidance": GUIDANCE} if classes else {}
    if config.init_weights is None:
        normalizer = Normalizer.of(images)
        return DiffusionModel(config.model, build_unet(config.model.network), normalizer, card=card, classes=classes)
    model = load(config.init_weights, "float32")
    wanted = (config.model.network, config.model.prediction_type)
    if (model.config.network, model.config.prediction_type, list(model.classes)) != (*wanted, list(classes)):
        raise UserError(
            f"{config.init_weights} cannot be trained further like this: they are weights of {model.config}, "
            f"but the run has {config.model}."
        )
    # Whose weights may change.
    return DiffusionModel(config.model, model.network, model.normalizer, card=card, classes=classes)
