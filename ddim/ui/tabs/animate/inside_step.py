"""What a step of a film does: where it stands on the schedule, and what the network takes apart in it.

The page moves all of it along with the frame that a player shows, and asks the server for nothing more.
"""

from collections.abc import Sequence
from typing import Any

import gradio as gr
import numpy as np

from ddim.diffusion.sampling import SampleConfig
from ddim.ui import component

CURVE_POINTS = 101

TEMPLATE = """
<div class="step" hidden>
  <section class="place">
    <h3>Where this step stands</h3>
    <svg viewBox="0 0 300 154" role="slider" tabindex="0" aria-valuemin="1" aria-label="Step on the schedule: the signal
      rate rises and the noise rate falls while the diffusion time runs from 1, all noise, to 0, all picture.">
      <g class="axes">
        <path d="M24 10V130H294" />
        <text x="18" y="16" text-anchor="end">1</text>
        <text x="18" y="134" text-anchor="end">0</text>
        <text x="24" y="148">1: noise</text>
        <text x="159" y="148" text-anchor="middle">diffusion time</text>
        <text x="294" y="148" text-anchor="end">0: picture</text>
      </g>
      <path class="ticks" />
      <polyline class="signal" /><polyline class="noise" />
      <text class="signal" x="292" dy="34" text-anchor="end">signal rate</text>
      <text class="noise" x="30" dy="20">noise rate</text>
      <path class="marker" d="M0 10V130" />
      <circle class="signal" r="4" /><circle class="noise" r="4" />
    </svg>
    <dl>
      <div><dt>diffusion time</dt><dd class="time"></dd></div>
      <div class="signal"><dt>signal rate</dt><dd></dd></div>
      <div class="noise"><dt>noise rate</dt><dd></dd></div>
    </dl>
  </section>
  <section class="parts">
    <h3>Inside this step</h3><select aria-label="Picture to look into"></select>
    <div class="equation">
      <figure><canvas class="noisy-image" role="img"></canvas><figcaption>noisy</figcaption></figure>
      <span>=</span><span class="signal"><b></b> ×</span>
      <figure><canvas class="image" role="img"></canvas><figcaption>picture</figcaption></figure>
      <span>+</span><span class="noise"><b></b> ×</span>
      <figure><canvas class="noises" role="img"></canvas><figcaption>noise</figcaption></figure>
    </div>
    <p>Telling these two apart in the noisy picture is all that the network has learned.
      The sum holds for pictures of mean 0 and variance 1.</p>
  </section>
</div>
"""


def lay_out(player_id: str) -> gr.HTML:
    """Lay out the view; it follows the player with this `elem_id`. Its value is `steps_of` a film, or None."""
    return component.lay_out(__file__, TEMPLATE, player_id=player_id, elem_classes="inside-step")


def steps_of(config: SampleConfig, labels: Sequence[str], noises: dict[str, Any] | None = None) -> dict[str, Any]:
    """The value of a view on a film with a frame for each step, with labelled pictures side by side.

    `noises` is a `player.sheet` of what the network takes for noise, step by step, once all of it is known.
    """
    return {
        "steps": _rates(config, config.diffusion_times()),
        "curve": _rates(config, np.linspace(1, 0, CURVE_POINTS)),
        "labels": list(labels),
        "noises": noises,
    }


def _rates(config: SampleConfig, diffusion_times: np.ndarray) -> list[list[float]]:
    """Rows of diffusion time, signal rate and noise rate."""
    rates = config.schedule()(diffusion_times)
    return np.stack([diffusion_times, rates.signal, rates.noise], axis=1).round(4).tolist()
