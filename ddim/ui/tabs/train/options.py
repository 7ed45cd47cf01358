"""A control for every option of a training run, in groups, each with advice beside it."""

import typing
from typing import Any, Literal

import gradio as gr
from gradio.components import Component

from ddim.configuration import Option, from_json, from_options, options_of, read_field, values_of
from ddim.model.diffusion_model import ModelConfig
from ddim.model.weights import available, find, read_card
from ddim.notation import written
from ddim.training.config import PRESETS, TrainConfig

GROUPS = {
    "Pictures": (
        "dataset",
        "image_size",
        "horizontal_flips",
        "class_conditional",
        "class_dropout",
        "batch_size",
        "repetitions",
        "epochs",
    ),
    "Noise": ("schedule", "time_sampling", "min_signal_rate", "max_signal_rate", "prediction_type", "loss_on", "loss"),
    "Learning": (
        "optimizer",
        "learning_rate",
        "learning_rate_decay",
        "warmup_steps",
        "weight_decay",
        "clip_norm",
        "ema_momentum",
        "average_lengths",
        "init_weights",
        "seed",
    ),
    "Network": (
        "widths",
        "block_depth",
        "patch_size",
        "conditioning",
        "normalization",
        "activation",
        "skips",
        "upsampling",
        "attention_levels",
        "attention_once",
        "residual_scaling",
        "embedding_size",
        "embedding_max_frequency",
    ),
    "Measuring and running": (
        "kid_images",
        "kid_block",
        "precision",
        "checkpoint_minutes",
        "distribute",
        "tensorboard",
    ),
}

ADVICE = {
    "min_signal_rate": "Touchy: too low oversaturates pictures, too high leaves them pale; 0.005 at least.",
    "max_signal_rate": "1 works too; a little below it was slightly better.",
    "loss": "On a set as small as this, mae gives smoother pictures; mse varies and hallucinates more. Try both.",
    "weight_decay": "Now and then a large model diverges, and this is a cheap remedy.",
    "ema_momentum": "Averages out short-lived changes, which steadies KID.",
    "horizontal_flips": "They helped, random crops did not: with little data, seeing more variety matters.",
    "clip_norm": "1 steadies large models, but cost this small one a good deal of quality.",
    "residual_scaling": "Said to help very deep networks; not this one.",
    "learning_rate": "Adam's own default works well here; papers go lower.",
    "embedding_size": "Without an embedding nothing works; how many waves it has hardly matters.",
    "embedding_max_frequency": "Sets how small a change in the noise the network can notice.",
    "normalization": "All of them are about equally good; batch is the lightest.",
    "activation": "Matters more than one would think: swish is best, relu clearly worse.",
    "attention_levels": "Larger models use it at low resolutions, so that far parts of a picture agree.",
    "upsampling": "Nearest was as good as bilinear; transposed convolution is an exercise left to you.",
    "class_conditional": "Learning the kinds helps all pictures, since less is left to guess, and guidance needs it.",
    "patch_size": "2 does the same work on a quarter of the pixels with more channels, which is quicker.",
    "conditioning": "Hearing the noise level in every block is what larger networks do.",
    "average_lengths": "0.05,0.1 suits most runs; longer averages are steadier, shorter ones sharper.",
    "epochs": "Good flowers take at least 50, of 5 passes each.",
    "schedule": "How training shares its effort among noise levels.",
    "prediction_type": "Noise and velocity come out alike; predicting the image was worse on flowers.",
}

LABELS = {"class_conditional": "Learn the kinds (labels, or names of folders)"}

CONTINUE = "continue"
PRESET_CHOICES = [
    ("Quick look: a small network, minutes on two cores", "quick"),
    ("Tutorial: the real thing, hours", "tutorial"),
    ("Species: pictures in folders by kind, each to be asked for, hours", "species"),
    ("Continue from the shipped weights", CONTINUE),
]


def preset_values(preset: str) -> dict[str, Any]:
    """The value of every option under a preset.

    Without the number of classes, since there are as many as pictures have, and without a file of this machine.
    """
    values = values_of(from_options(TrainConfig, _continued(available()[0]) if preset == CONTINUE else PRESETS[preset]))
    del values["num_classes"], values["inception_weights"]
    return values


def _continued(weights: str) -> dict[str, Any]:
    """Options to go on from these weights: their network, flips, and a learning rate that fades out."""
    card = read_card(find(weights))
    model = from_json(ModelConfig, card["model"])
    fading = {"init_weights": weights, "horizontal_flips": True, "learning_rate_decay": "cosine"}
    return {**values_of(model), **fading, "class_conditional": bool(card.get("classes"))}


def lay_out_options(preset: str, datasets: list[str]) -> dict[str, Component]:
    """A control for every option, by name, in accordions of GROUPS. Beside others, these data sets can be chosen."""
    values, options, controls = preset_values(preset), options_of(TrainConfig), {}
    for title, names in GROUPS.items():
        with gr.Accordion(title, open=False):
            for name in names:
                controls[name] = _control(options[name], values[name], datasets if name == "dataset" else None)
    return controls


def read_options(values: dict[str, Any]) -> TrainConfig:
    """The configuration that the controls hold. Raises UserError with a sentence for a wrong value."""
    options = options_of(TrainConfig)
    return from_options(TrainConfig, {name: read_field(options[name], value) for name, value in values.items()})


def shown(value: Any) -> Any:
    """An option as its control shows it."""
    return written(value) if isinstance(value, tuple) else value


def _control(option: Option, value: Any, choices: list[str] | None = None) -> Component:
    about = {
        "label": LABELS.get(option.name, option.name.replace("_", " ").capitalize()),
        "info": f"{option.text} {ADVICE.get(option.name, '')}".strip(),
        "value": shown(value),
    }
    if choices is not None:
        return gr.Dropdown([value, *choices], allow_custom_value=True, **about)
    if typing.get_origin(option.hint) is Literal:
        return gr.Dropdown(list(typing.get_args(option.hint)), filterable=False, **about)
    if option.hint is bool:
        return gr.Checkbox(**about)
    if option.hint in (int, float):
        return gr.Number(precision=0 if option.hint is int else None, **about)
    return gr.Textbox(max_lines=1, **about)
