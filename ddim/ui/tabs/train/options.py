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
from ddim.ui.reading import NUMBERS

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
    "ema_momentum": "EMA is an exponential moving average, over about 1 / (1 - momentum) steps; it steadies KID.",
    "kid_images": "KID, the Kernel Inception Distance, tells how far pictures are from real ones: lower is better.",
    "kid_block": "mixed10 is the last and the usual one; earlier ones see texture rather than things, and cost less.",
    "precision": "auto is float16 on a GPU, bfloat16 on processors that are quicker at it, and float32 elsewhere.",
    "distribute": "none is one device.",
    "class_dropout": "0 leaves guidance without effect.",
    "warmup_steps": "0 is no warm-up.",
    "horizontal_flips": "They helped, random crops did not: with little data, seeing more variety matters.",
    "clip_norm": "1 steadies large models, but cost this small one a good deal of quality.",
    "residual_scaling": "Said to help very deep networks; not this one.",
    "learning_rate": "Adam's own default works well here; papers go lower.",
    "embedding_size": "Without an embedding nothing works; how many waves it has hardly matters.",
    "embedding_max_frequency": "Sets how small a change in the noise the network can notice.",
    "normalization": "All of them are about equally good; batch, over the pictures of a batch, is the lightest.",
    "activation": "Matters more than one would think: swish is best, relu clearly worse.",
    "attention_levels": "0 is none. Larger models use it at low resolutions, so that far parts of a picture agree.",
    "upsampling": "Nearest was as good as bilinear; transposed convolution is an exercise left to you.",
    "class_conditional": "Learning the kinds helps all pictures, since less is left to guess, and guidance needs it.",
    "patch_size": "2 does the same work on a quarter of the pixels with more channels, which is quicker.",
    "conditioning": "Hearing the noise level in every block is what larger networks do.",
    "average_lengths": "0.05,0.1 suits most runs; longer averages are steadier, shorter ones sharper.",
    "epochs": "Good flowers take at least 50, of 5 passes each.",
    "schedule": "cosine moves at an even pace between picture and noise; linear_variance lets the variance of "
    "the noise grow evenly, linear_log_snr the logarithm of signal to noise.",
    "prediction_type": "Noise and velocity come out alike; predicting the image was worse on flowers.",
}

LABELS = {
    "dataset": "Data set",
    "class_conditional": "Learn the kinds (labels, or names of folders)",
    "schedule": "Noise schedule",
    "time_sampling": "Sampling of noise levels",
    "min_signal_rate": NUMBERS["min_signal_rate"].label,
    "max_signal_rate": NUMBERS["max_signal_rate"].label,
    "prediction_type": "The network predicts",
    "loss_on": "The loss compares",
    "warmup_steps": "Warm-up steps",
    "clip_norm": "Largest gradient norm",
    "ema_momentum": "EMA momentum",
    "average_lengths": "Lengths of averages",
    "init_weights": "Weights to begin with",
    "widths": "Channels of each level",
    "block_depth": "Blocks a level",
    "attention_levels": "Levels with attention",
    "attention_once": "Attention once a level",
    "embedding_size": "Size of the noise embedding",
    "embedding_max_frequency": "Fastest wave of the noise embedding",
    "kid_images": "Pictures for KID",
    "kid_block": "InceptionV3 block for KID",
    "checkpoint_minutes": "Minutes between checkpoints",
    "distribute": "Several devices",
    "tensorboard": "TensorBoard",
}

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
    values = values_of(from_options(TrainConfig, _continued() if preset == CONTINUE else PRESETS[preset]))
    del values["num_classes"], values["inception_weights"]
    return values


def _continued() -> dict[str, Any]:
    """Options to go on from the shipped weights, those without classes, since other pictures have others: their
    network, flips, and a learning rate that fades out.
    """
    cards = {name: read_card(find(name)) for name in available()}
    weights = next(name for name, card in cards.items() if not card.get("classes"))
    model = from_json(ModelConfig, cards[weights]["model"])
    fading = {"init_weights": weights, "horizontal_flips": True, "learning_rate_decay": "cosine"}
    return {**values_of(model), **fading}


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


def label(name: str) -> str:
    """What people read over the control of an option."""
    return LABELS.get(name, name.replace("_", " ").capitalize())


def shown(value: Any) -> Any:
    """An option as its control shows it."""
    return written(value) if isinstance(value, tuple) else value


def _control(option: Option, value: Any, choices: list[str] | None = None) -> Component:
    about = {
        "label": label(option.name),
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
