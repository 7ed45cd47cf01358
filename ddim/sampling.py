"""Reverse diffusion: pictures form out of noise, step by step.

`reverse_diffusion` is a generator and every job drains it: the picture is its last step, the animation is all of them,
the live view is each as it comes.

The network is told how much noise a picture holds, so sampling may take any path through the noise levels that it was
trained on, whatever the schedule of its training. Here the path is always even in angle between the two signal rates:
over the short range that such networks learn, it serves every solver best.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ddim.images import to_uint8
from ddim.noise import noises_from_seeds
from ddim.options import check_choices
from ddim.schedule import MAX_SIGNAL_RATE, MIN_SIGNAL_RATE, CosineSchedule, Rates
from ddim.solvers import DDIM, AdamsBashforth, Denoise, DPMSolverPP2M, Heun, Solver, UniPC

if TYPE_CHECKING:
    from ddim.model import DiffusionModel

MAX_NUM_STEPS = 1000
MAX_NUM_IMAGES = 1024

SolverName = Literal["ddim", "heun", "ab2", "ab3", "ab4", "dpmpp2m", "unipc"]
Variance = Literal["posterior", "large"]
NodePlacement = Literal["reference", "inclusive"]


@dataclass(frozen=True)
class SampleConfig:
    """How to sample: with the weights and the seed it decides a picture completely.

    Attributes:
        num_steps: Nodes, 1 to 1000. Each costs one network evaluation; with Heun two, save the last.
        solver: "ddim", "heun", "ab2", "ab3", "ab4", "dpmpp2m" or "unipc".
        eta: Fresh noise in each DDIM step: 0 none, 1 as much as DDPM. For other solvers it must be 0.
        variance: Which of the two kinds of fresh noise that DDIM (2010.02502) compares: "posterior" has the deviation
            of Eq. 16; "large" has sigma-hat, more than the step took away.
        node_placement: "reference" puts nodes at diffusion times 1, 1 - 1/N, ..., 1/N as the tutorial does;
            "inclusive" at 1, ..., 0.
        min_signal_rate: How much picture there is at diffusion time 1, above 0.
        max_signal_rate: How much picture there is at diffusion time 0, at most 1.
    """

    num_steps: int = 20
    solver: SolverName = "ddim"
    eta: float = 0.0
    variance: Variance = "posterior"
    node_placement: NodePlacement = "reference"
    min_signal_rate: float = MIN_SIGNAL_RATE
    max_signal_rate: float = MAX_SIGNAL_RATE

    def __post_init__(self):
        if not isinstance(self.num_steps, int) or not 1 <= self.num_steps <= MAX_NUM_STEPS:
            raise ValueError(f"num_steps must be an integer from 1 to {MAX_NUM_STEPS}, but is {self.num_steps!r}.")
        check_choices(self)
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta must be between 0 and 1, but is {self.eta!r}.")
        if self.eta and self.solver != "ddim":
            raise ValueError(f"Only the solver 'ddim' can add noise: with {self.solver!r}, eta must be 0.")
        if self.node_placement == "inclusive" and self.max_signal_rate == 1:
            raise ValueError(
                "With node_placement 'inclusive', max_signal_rate must be below 1, or the last node has no noise."
            )
        self.schedule()  # the schedule checks the signal rates

    def schedule(self) -> CosineSchedule:
        return CosineSchedule(self.min_signal_rate, self.max_signal_rate)

    @property
    def nfe(self) -> int:
        """Network evaluations a picture takes."""
        return 2 * self.num_steps - 1 if self.solver == "heun" else self.num_steps

    def diffusion_times(self) -> np.ndarray:
        """The nodes (num_steps,) float64, from 1 down."""
        if self.node_placement == "inclusive":
            return np.linspace(1, 0, self.num_steps)
        return 1 - np.arange(self.num_steps) / self.num_steps


class Step(NamedTuple):
    """One node of the way: the noisy pictures there and what the network makes of them, both (B, H, W, C).

    `index` counts nodes from 0 and `nfe` the network evaluations so far; `diffusion_time` falls from 1 towards 0.
    """

    index: int
    diffusion_time: float
    nfe: int
    noisy_images: np.ndarray
    pred_images: np.ndarray


def reverse_diffusion(
    denoise: Denoise,
    initial_noise: np.ndarray,
    config: SampleConfig,
    fresh_noises: Iterator[np.ndarray] | None = None,
) -> Iterator[Step]:
    """Yield a Step for each node on the way from `initial_noise` (B, H, W, C) to pictures, at unit variance.

    The result is the last step's `pred_images`. `fresh_noises` yields an array like `initial_noise` for each step of
    stochastic sampling; without it, eta above 0 raises ValueError.
    """
    if config.eta and fresh_noises is None:
        raise ValueError(f"eta is {config.eta}, so every step adds fresh noise, but no fresh noises were given.")
    nfe = 0

    def counted_denoise(noisy_images, rates):
        nonlocal nfe
        nfe += 1
        return denoise(noisy_images, rates)

    solver = _new_solver(config, counted_denoise, fresh_noises)
    diffusion_times = config.diffusion_times().tolist()
    # Python floats, unlike NumPy's, leave the pictures in their own precision.
    levels = [Rates(*map(float, config.schedule()(time))) for time in diffusion_times]
    noisy_images = initial_noise
    for index, (diffusion_time, rates) in enumerate(zip(diffusion_times, levels, strict=True)):
        prediction = counted_denoise(noisy_images, rates)
        yield Step(index, diffusion_time, nfe, noisy_images, prediction.images)
        if index + 1 < len(levels):
            noisy_images = solver.advance(noisy_images, prediction, rates, levels[index + 1])


def _new_solver(config: SampleConfig, denoise: Denoise, fresh_noises: Iterator[np.ndarray] | None) -> Solver:
    match config.solver:
        case "ddim":
            return DDIM(config.eta, config.variance, fresh_noises)
        case "heun":
            return Heun(denoise)
        case "ab2" | "ab3" | "ab4":
            return AdamsBashforth(order=int(config.solver[-1]))
        case "dpmpp2m":
            return DPMSolverPP2M()
        case "unipc":
            return UniPC()


def sample(model: "DiffusionModel", seeds: Sequence[int], **settings: Any) -> Iterator[Step]:
    """Yield a Step for each node, its pictures (B, H, W, C) float32 with [0, 1] as the range of pixels, not clipped.

    `settings` are fields of SampleConfig; signal rates default to the model's own. The picture of a seed is the same
    in any batch. Raises ValueError for a wrong setting or seed, or more than 1024 pictures, at the first step.
    """
    config = model.sample_config(**settings)
    if not 1 <= len(seeds) <= MAX_NUM_IMAGES:
        raise ValueError(f"One call makes 1 to {MAX_NUM_IMAGES} pictures, but {len(seeds)} seeds were given.")
    noises = noises_from_seeds(seeds, model.image_shape)
    yield from sample_from(model, next(noises), config, noises)


def sample_from(
    model: "DiffusionModel",
    initial_noise: np.ndarray,
    config: SampleConfig,
    fresh_noises: Iterator[np.ndarray] | None = None,
) -> Iterator[Step]:
    """As `reverse_diffusion`, with [0, 1] as the range of pixels."""
    for step in reverse_diffusion(model.denoise, initial_noise, config, fresh_noises):
        yield step._replace(
            noisy_images=model.denormalize(step.noisy_images), pred_images=model.denormalize(step.pred_images)
        )


def generate(model: "DiffusionModel", seeds: Sequence[int], **settings: Any) -> np.ndarray:
    """The finished pictures (B, H, W, C) uint8 of these seeds; settings and errors as those of `sample`."""
    *_, last = sample(model, seeds, **settings)
    return to_uint8(last.pred_images)


def recipe_of(model: "DiffusionModel", config: SampleConfig, seed: int) -> dict[str, Any]:
    """What makes the picture of this seed again: weights by name and checksum, the seed, and how it was sampled."""
    return {"weights": model.card.get("name"), "sha256": model.card.get("sha256"), "seed": seed, **asdict(config)}
