"""Reverse diffusion: pictures form out of noise, step by step.

`reverse_diffusion` is a generator and every job drains it: the picture is its last step, the animation is all of them,
the live view is each as it comes.

The network is told how much noise a picture holds, so sampling may take any path through the noise levels that it was
trained on, whatever its training schedule was. Here the path is always even in angle between the two signal rates:
over the short range that such networks learn, it serves every solver best.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from ddim.configuration import check_choices
from ddim.diffusion.schedule import MAX_SIGNAL_RATE, MIN_SIGNAL_RATE, CosineSchedule, Rates
from ddim.diffusion.solvers import DDIM, AdamsBashforth, Denoise, DPMSolverPP2M, Heun, Prediction, Solver, UniPC
from ddim.errors import UserError
from ddim.notation import briefly, parse_numbers

MAX_NUM_STEPS = 1000
MAX_STEP_COUNTS = 50
MAX_GUIDANCE = 10

SolverName = Literal["ddim", "heun", "ab2", "ab3", "ab4", "dpmpp2m", "unipc"]
Variance = Literal["posterior", "large"]
NodePlacement = Literal["reference", "inclusive", "early"]

EARLY_POWER = 1.7  # by KID with the weights flowers64-species, of 1.35 to 1.8


@dataclass(frozen=True)
class SampleConfig:
    """How to sample: together with the weights and the seed, it determines a picture completely.

    Attributes:
        num_steps: Nodes, 1 to 1000. Each costs one network evaluation; with Heun, all but the last cost two. Guidance
            doubles that.
        solver: "ddim", "heun", "ab2", "ab3", "ab4", "dpmpp2m" or "unipc".
        eta: Fresh noise in each DDIM step: 0 is none, 1 as much as DDPM. For other solvers it must be 0.
        variance: Which of the two kinds of fresh noise that DDIM (2010.02502) compares: "posterior" has the deviation
            of Eq. 16; "large" has sigma-hat, more than the step took away.
        node_placement: "reference" puts nodes at diffusion times 1, 1 - 1/N, ..., 1/N as the tutorial does;
            "inclusive" at N even ones from 1 to 0; "early" as well from 1 to 0, but with more of them where there is
            most noise: at 1 - u^1.7 for N even u from 0 to 1.
        min_signal_rate: How much picture there is at diffusion time 1, above 0.
        max_signal_rate: How much picture there is at diffusion time 0, at most 1.
        class_name: What the picture shows, where weights have classes; without it, the seed draws one as often as
            training showed it.
        guidance: How far to follow the class, away from what any picture would be: 1 asks the network for the class and
            no more, others ask it twice and go on from any to the class by that factor (2207.12598); up to 10.
    """

    num_steps: int = 20
    solver: SolverName = "ddim"
    eta: float = 0.0
    variance: Variance = "posterior"
    node_placement: NodePlacement = "reference"
    min_signal_rate: float = MIN_SIGNAL_RATE
    max_signal_rate: float = MAX_SIGNAL_RATE
    class_name: str | None = None
    guidance: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.num_steps, int) or not 1 <= self.num_steps <= MAX_NUM_STEPS:
            raise UserError(
                f"num_steps must be an integer from 1 to {MAX_NUM_STEPS}, but is {briefly(self.num_steps)}."
            )
        check_choices(self)
        if not 0 <= self.eta <= 1:
            raise UserError(f"eta must be between 0 and 1, but is {briefly(self.eta)}.")
        if self.eta and self.solver != "ddim":
            raise UserError(f"Only the solver 'ddim' can add noise: with {self.solver!r}, eta must be 0.")
        if self.node_placement != "reference" and self.max_signal_rate == 1:
            raise UserError(
                f"With node_placement {self.node_placement!r}, max_signal_rate must be below 1, or the last node has "
                "no noise."
            )
        if not 0 <= self.guidance <= MAX_GUIDANCE:
            raise UserError(f"guidance must be between 0 and {MAX_GUIDANCE}, but is {briefly(self.guidance)}.")
        self.schedule()  # the schedule checks the signal rates

    def to_json(self) -> dict[str, Any]:
        """All fields by name, but class and guidance only where they are asked for: most weights know neither."""
        fields = asdict(self)
        if self.class_name is None:
            del fields["class_name"]
        if self.guidance == 1:
            del fields["guidance"]
        return fields

    def schedule(self) -> CosineSchedule:
        """The path from noise to pictures; see the head of this file for why it is always this one."""
        return CosineSchedule(self.min_signal_rate, self.max_signal_rate)

    @property
    def nfe(self) -> int:
        """Network evaluations per picture."""
        return self.guidance_nfe * (2 * self.num_steps - 1 if self.solver == "heun" else self.num_steps)

    @property
    def guidance_nfe(self) -> int:
        """Network evaluations each time that a picture is looked at: with guidance two, with and without its class."""
        return 1 if self.guidance == 1 else 2

    def diffusion_times(self) -> np.ndarray:
        """The nodes (num_steps,) float64, from 1 down."""
        match self.node_placement:
            case "reference":
                return 1 - np.arange(self.num_steps) / self.num_steps
            case "inclusive":
                return np.linspace(1, 0, self.num_steps)
            case "early":
                return 1 - np.linspace(0, 1, self.num_steps) ** EARLY_POWER


FEW_STEPS = SampleConfig(num_steps=10, solver="unipc", node_placement="inclusive")
"""Most of what many steps give, for ten."""

BEST_NODE_PLACEMENTS: Mapping[str, NodePlacement] = {
    "ddim": "reference",
    "heun": "reference",
    "ab2": "reference",
    "ab3": "reference",
    "ab4": "reference",
    "dpmpp2m": "reference",
    "unipc": "inclusive",
}
"""By KID with the shipped weights: in 10 steps and more UniPC-2 does better on inclusive nodes, all others in 20 at the
earliest."""


class Step(NamedTuple):
    """One node on the way: the noisy pictures there, and what the network sees in them, arrays (B, H, W, C).

    `index` counts nodes from 0 and `nfe` the network evaluations so far; `diffusion_time` falls from 1 towards 0, and
    `rates` are those at that time: at unit variance, noisy image = signal rate * image + noise rate * noise.
    """

    index: int  # type: ignore[assignment]  # in a tuple it is a method
    diffusion_time: float
    nfe: int
    noisy_images: np.ndarray
    pred_images: np.ndarray
    pred_noises: np.ndarray
    rates: Rates


def parse_step_counts(entries: str | Sequence[str | int]) -> tuple[int, ...]:
    """Numbers of steps, each once, the smallest first, from text such as "1,2,5" or "1-20" or from a list.

    Raises UserError unless they are 1 to 50 numbers from 1 to 1000.
    """
    return tuple(sorted(set(parse_numbers(entries, "numbers of steps", 1, MAX_NUM_STEPS, MAX_STEP_COUNTS))))


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

    def counted_denoise(noisy_images: np.ndarray, rates: Rates) -> Prediction:
        nonlocal nfe
        nfe += config.guidance_nfe
        return denoise(noisy_images, rates)

    solver = _new_solver(config, counted_denoise, fresh_noises)
    diffusion_times = config.diffusion_times().tolist()
    # Python floats, unlike NumPy's, leave the pictures in their own precision.
    levels = [Rates(*map(float, config.schedule()(time))) for time in diffusion_times]
    noisy_images = initial_noise
    for index, (diffusion_time, rates) in enumerate(zip(diffusion_times, levels, strict=True)):
        prediction = counted_denoise(noisy_images, rates)
        yield Step(index, diffusion_time, nfe, noisy_images, prediction.images, prediction.noises, rates)
        if index + 1 < len(levels):
            noisy_images = solver.advance(noisy_images, prediction, rates, levels[index + 1])


def _new_solver(config: SampleConfig, denoise: Denoise, fresh_noises: Iterator[np.ndarray] | None) -> Solver:
    match config.solver:
        case "ddim":
            return DDIM(config.eta, config.variance, fresh_noises or iter(()))
        case "heun":
            return Heun(denoise)
        case "ab2" | "ab3" | "ab4":
            return AdamsBashforth(order=int(config.solver[-1]))
        case "dpmpp2m":
            return DPMSolverPP2M()
        case "unipc":
            return UniPC()
