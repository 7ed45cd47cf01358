"""How good weights are: KID of their pictures by solver and number of steps, with what it takes to believe it.

KID comes with its floor (training pictures in place of generated ones), its spread over generation seeds, precision
and recall as a second opinion, and the training pictures nearest to generated ones, to show that none is a copy. Where
weights have classes, a classifier says how often a picture is taken for what was asked for.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import cycle
from typing import Any, Literal

import numpy as np

from ddim.data import load_dataset
from ddim.diffusion.sampling import SampleConfig
from ddim.errors import UserError
from ddim.evaluation.classifier import Classifier
from ddim.evaluation.encoder import InceptionEncoder
from ddim.evaluation.kid import kid_of_batches, kid_of_subsets
from ddim.evaluation.precision_recall import nearest, precision_recall
from ddim.making.generate import generate
from ddim.media.images import grid
from ddim.model.classes import classes_of, drawn_class
from ddim.model.diffusion_model import DiffusionModel
from ddim.model.engine import EnginePrecision
from ddim.model.weights import load
from ddim.processes.group import check_backend
from ddim.processes.member import ALONE, Member

IMAGES_AT_ONCE = 256
NUM_NEIGHBOURS_SHOWN = 12


@dataclass(frozen=True)
class EvaluateConfig:
    """What to measure: every solver at every number of steps, for every set of weights.

    Attributes:
        weights: Names, paths or runs, as `load` takes them, separated by commas.
        dataset: Where the real pictures come from, as in training: they are its validation part.
        solvers: Solvers separated by commas; each may have ":inclusive" or ":early" after it.
        num_steps: Numbers of steps separated by commas.
        eta: Fresh noise in each step of the solver ddim.
        guidance: Strengths of guidance separated by commas, for weights with classes; those are drawn as often as
            training showed them.
        num_images: Generated pictures per measurement.
        generations: Measurements of each setting, each from different seeds, for mean and spread.
        first_seed: Seed of the first picture; the others follow.
        precision: "auto", "float32" or "bfloat16".
        kid_block: The block of InceptionV3 whose average is the feature.
        inception_weights: The file with InceptionV3's weights; without it they are downloaded.
        distribute: "none", or "data_parallel": several processes share the pictures, on one machine or many (JAX).
    """

    weights: tuple[str, ...] = ("flowers64",)
    dataset: str = "oxford_flowers102"
    solvers: tuple[str, ...] = ("ddim",)
    num_steps: tuple[int, ...] = (20,)
    eta: float = 0.0
    guidance: tuple[float, ...] = (1.0,)
    num_images: int = 1000
    generations: int = 1
    first_seed: int = 2**31
    precision: EnginePrecision = "auto"
    kid_block: str = "mixed10"
    inception_weights: str | None = None
    distribute: Literal["none", "data_parallel"] = "none"

    def __post_init__(self) -> None:
        for name in ("weights", "solvers", "num_steps", "guidance"):
            if not getattr(self, name):
                raise UserError(f"{name} must name at least one.")
        if self.num_images < 4:
            raise UserError(f"num_images must be at least 4, but is {self.num_images}.")
        if self.generations < 1:
            raise UserError(f"generations must be at least 1, but is {self.generations}.")
        self.ways_to_sample(SampleConfig(), has_classes=True)  # which checks them

    def ways_to_sample(self, trained: SampleConfig, has_classes: bool) -> list[SampleConfig]:
        """The ways to sample that are measured, at the signal rates of training, in the order given."""
        ways = []
        for num_steps in self.num_steps:
            for solver in self.solvers:
                name, _, node_placement = solver.partition(":")
                way: dict[str, Any] = {"num_steps": num_steps, "solver": name}
                way["node_placement"] = node_placement or "reference"
                way["eta"] = self.eta if name == "ddim" else 0.0
                ways += [
                    replace(trained, **way, guidance=guidance) for guidance in (self.guidance if has_classes else [1.0])
                ]
        return ways


@dataclass(frozen=True)
class Measurement:
    """What was measured for one set of weights and one way of sampling, over generations.

    Attributes:
        weights: Name of the weights.
        sha256: Their checksum.
        config: How they were sampled.
        nfe: Network evaluations per picture.
        kid_subsets: KID by subsets, for each generation.
        kid_batches: KID by the tutorial's batches of 64, for each generation.
        precision: Fraction of the generated pictures that lie among the real ones, for each generation.
        recall: Fraction of the real pictures that lie among the generated ones, for each generation.
        as_asked: Fraction of the pictures that are taken for the class asked for, for each generation; none without.
        distance: Median distance of generated pictures to the nearest training picture, for each generation.
        first_seeds: The seed of each generation's first picture.
    """

    weights: str
    sha256: str
    config: SampleConfig
    nfe: int
    kid_subsets: list[float] = field(default_factory=list)
    kid_batches: list[float] = field(default_factory=list)
    precision: list[float] = field(default_factory=list)
    recall: list[float] = field(default_factory=list)
    as_asked: list[float] = field(default_factory=list)
    distance: list[float] = field(default_factory=list)
    first_seeds: list[int] = field(default_factory=list)


class Evaluation:
    """The real pictures and their features, against which weights are measured.

    Attributes:
        pictures: How many real pictures there are, and what was left out of them.
        protocol: All that a KID from here depends on, in words.
        accuracy: Fraction of the validation photographs that the classifier takes for what they are; None without.
        distance: Median distance of validation photographs to the nearest training picture.
    """

    def __init__(self, config: EvaluateConfig, image_size: int, member: Member = ALONE):
        self.config, self.member = config, member
        with member.first():
            self.encoder = InceptionEncoder(config.kid_block, config.inception_weights)
            self.training, real, self.pictures = load_dataset(config.dataset, image_size)
        member.check_alike(self.training.checksum, real.checksum, self.encoder.protocol)
        self.training_features = self._features(lambda part: self.training.images[part], len(self.training.images))
        self.real_features = self._features(lambda part: real.images[part], len(real.images))
        self.distance = float(np.median(nearest(self.real_features, self.training_features)[1]))
        classes = classes_of(self.training.class_names.tolist())
        self.classifier, self.accuracy = None, None
        if len(classes) > 1:
            known = np.isin(self.training.class_names, list(classes))
            self.classifier = Classifier(self.training_features[known], self.training.class_names[known])
            self.accuracy = self.classifier.accuracy(self.real_features, real.class_names)
        self.protocol = (
            f"KID of {config.num_images} generated pictures against {len(self.real_features)} validation pictures of "
            f"{image_size} x {image_size}, {self.encoder.protocol}, bilinear resize; "
            "comparable only with numbers of this protocol and encoder"
        )

    def floor(self) -> float:
        """KID by subsets of as many training pictures as are generated: what perfect pictures would get."""
        generator = np.random.default_rng(0)
        chosen = generator.permutation(self.training_features)[: self.config.num_images]
        return kid_of_subsets(self.real_features, chosen).mean

    def measure(self, model: DiffusionModel, config: SampleConfig, show: Callable[[str], None]) -> Measurement:
        """Generate and measure once for each generation. `show` takes a line of progress."""
        measurement = Measurement(model.card.get("name", ""), model.card.get("sha256", ""), config, config.nfe)
        for generation in range(self.config.generations):
            first_seed = self.config.first_seed + generation * self.config.num_images
            images_of = partial(self._generate, model, first_seed, config, show)
            features = self._features(images_of, self.config.num_images)
            closeness = precision_recall(self.real_features, features)
            measurement.kid_subsets.append(kid_of_subsets(self.real_features, features).mean)
            measurement.kid_batches.append(kid_of_batches(self.real_features, features).mean)
            measurement.precision.append(closeness.precision)
            measurement.recall.append(closeness.recall)
            distances = nearest(features, self.training_features)[1]
            measurement.distance.append(float(np.median(distances)))
            if model.classes and self.classifier:
                seeds = range(first_seed, first_seed + self.config.num_images)
                asked = [drawn_class(seed, model.classes) for seed in seeds]
                measurement.as_asked.append(self.classifier.accuracy(features, asked))
            measurement.first_seeds.append(first_seed)
        return measurement

    def neighbours(self, model: DiffusionModel, config: SampleConfig) -> np.ndarray:
        """Generated pictures, and below each the training picture nearest to it in features, as one picture.

        With classes, these are the ones with the fewest training pictures, which are the easiest to learn by heart, and
        neighbours are of the same class.
        """
        first = self.config.first_seed
        seeds = range(first, first + NUM_NEIGHBOURS_SHOWN)
        shown = [name for name in model.classes if name in self.training.class_names]
        rarest = sorted(shown, key=lambda name: model.classes[name])[:NUM_NEIGHBOURS_SHOWN]
        pairs = []
        for seed, name in zip(seeds, cycle(rarest or [None]), strict=False):
            image = generate(model, [seed], replace(config, class_name=name))
            among = np.flatnonzero(self.training.class_names == name) if name else np.arange(len(self.training.images))
            indices, _ = nearest(self.encoder.features(image), self.training_features[among])
            pairs.append((image[0], self.training.images[among[indices[0]]]))
        generated, neighbours = zip(*pairs, strict=True)
        return grid(np.stack([*generated, *neighbours]), NUM_NEIGHBOURS_SHOWN)

    def _features(self, images_of: Callable[[range], np.ndarray], count: int) -> np.ndarray:
        """The features (count, D) of so many pictures, of which each process sees to its part."""
        return self.member.gathered(self.encoder.features(images_of(self.member.part(count))), count)

    def _generate(
        self, model: DiffusionModel, first_seed: int, config: SampleConfig, show: Callable[[str], None], part: range
    ) -> np.ndarray:
        chunks = []
        for start in range(part.start, part.stop, IMAGES_AT_ONCE):
            stop = min(part.stop, start + IMAGES_AT_ONCE)
            show(f"{config.solver} {config.num_steps} steps  picture {start + 1}/{part.stop}")
            chunks.append(generate(model, range(first_seed + start, first_seed + stop), config))
        return np.concatenate(chunks)


def evaluate(
    config: EvaluateConfig, show: Callable[[str], None] = lambda line: None, member: Member = ALONE
) -> dict[str, Any]:
    """Measure all that `config` asks for. `show` takes a line of progress.

    Of several processes each calls this, as one `member`, and makes its part of the pictures; all get the same results.
    Returns {"pictures", "protocol", "floor", "accuracy", "distance", "measurements": [...], "neighbours": picture of
    the first weights (H, W, 3) uint8}.
    Raises UserError for weights of several picture sizes and for what cannot be shared, and OSError without an encoder.
    """
    check_backend(config.distribute)
    if config.num_images < member.processes:
        raise UserError(f"num_images must be at least one for each process, but is {config.num_images}.")
    models = [load(name, config.precision) for name in config.weights]
    sizes = {model.config.network.image_size for model in models}
    if len(sizes) > 1:
        raise UserError(f"Only weights of one picture size can be compared, but these have {sorted(sizes)}.")
    member.check_alike(config, [model.card.get("sha256") for model in models])
    show("reading pictures")
    evaluation = Evaluation(config, sizes.pop(), member)
    ways = {model: config.ways_to_sample(model.sample_config(), bool(model.classes)) for model in models}
    return {
        "pictures": evaluation.pictures,
        "protocol": evaluation.protocol,
        "floor": evaluation.floor(),
        "accuracy": evaluation.accuracy,
        "distance": evaluation.distance,
        "measurements": [asdict(evaluation.measure(model, way, show)) for model in models for way in ways[model]],
        "neighbours": evaluation.neighbours(models[0], ways[models[0]][-1]),
    }
