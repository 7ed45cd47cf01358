"""Weights of a run with an average of any length, made after it out of its snapshots."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ddim.data import load_images
from ddim.evaluation.encoder import InceptionEncoder
from ddim.model.diffusion_model import DiffusionModel
from ddim.model.keras_engine import keras_engine
from ddim.model.weights import load, own_sampling, save
from ddim.training.averages import SNAPSHOTS, average_of, snapshots
from ddim.training.config import DISTILLATION, config_of_run
from ddim.training.validation import Kids, kid_meter, measuring_order


def averaged_model(run: Path, length: float, step: int | None = None) -> DiffusionModel:
    """The model of a run with an average of this length up to `step`, by default up to its last snapshot.

    Raises FileNotFoundError for a run without weights, and UserError for one without snapshots.
    """
    weights = average_of(run / SNAPSHOTS, length, step)
    model = load(run, "float32")
    model.network.set_weights(weights)
    kept = own_sampling(model.card) | {name: model.card[name] for name in (DISTILLATION,) if name in model.card}
    last = max(snapshots(run / SNAPSHOTS, step))
    training = {**model.card.get("training", {}), "average_length": length, "step": last}
    card = {**kept, "training": training}
    engine = keras_engine(model.config.network, model.network, is_final=True)
    return DiffusionModel(model.config, model.network, model.normalizer, card, model.classes, engine)


def save_best_average(
    run: Path, stem: Path, lengths: Sequence[float], step: int | None, show: Callable[[str], None]
) -> dict[float, Kids]:
    """Write weights with the average whose KID is lowest as the page samples, and return the KIDs of all lengths.

    KID is measured as the run measured it, unless there is but one length. `show` takes a line of progress. Raises
    UserError as `averaged_model` does, and OSError without an encoder.
    """
    if len(lengths) == 1:
        model = averaged_model(run, lengths[0], step)
        save(model, stem, **model.card)
        return {}
    show("reading pictures")
    config = config_of_run(run)
    images = load_images(config.dataset, "validation", config.model.network.image_size)
    encoder = InceptionEncoder(config.kid_block, config.inception_weights)
    images = images[measuring_order(len(images))][: config.kid_images]
    measure, protocol = kid_meter(encoder, images, load(run, "float32").card)
    kids = {}
    for length in lengths:
        show(f"length {length:g}")
        model = averaged_model(run, length, step)
        kids[length] = measure(model)
        if kids[length].page_kid == min(kid.page_kid for kid in kids.values()):
            told = {"value": kids[length].kid, "page_value": kids[length].page_kid, "protocol": protocol}
            save(model, stem, **model.card, kid=told)
    return kids
