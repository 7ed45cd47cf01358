"""The Keras tutorial's program, written down once more: it saves files such as its readers have."""

import math

import keras
import numpy as np
from keras import layers, ops
from numpy_unet import random_weights

EXAMPLE = {"normalizer": "normalizer", "network": "network", "average": "ema_network"}
PICTURES = np.random.default_rng(0).uniform(0, [1, 0.9, 0.7], (20, 8, 8, 3)).astype(np.float32)


@keras.saving.register_keras_serializable("tests")
def sinusoidal_embedding(variances):
    phases = 2 * math.pi * ops.exp(ops.linspace(math.log(1.0), math.log(1000.0), 16)) * variances
    return ops.concatenate([ops.sin(phases), ops.cos(phases)], axis=3)


def residual_block(features, width):
    shortcut = features if features.shape[3] == width else layers.Conv2D(width, 1)(features)
    features = layers.BatchNormalization(center=False, scale=False)(features)
    features = layers.Conv2D(width, 3, padding="same", activation="swish")(features)
    features = layers.Conv2D(width, 3, padding="same")(features)
    return layers.Add()([features, shortcut])  # in this order, in which Keras numbers the shortcut last


def get_network(image_size, widths, block_depth, channels=3):
    noisy_images = keras.Input((image_size, image_size, channels))
    noise_variances = keras.Input((1, 1, 1))
    embedding = layers.Lambda(sinusoidal_embedding, output_shape=(1, 1, 32))(noise_variances)
    embedding = layers.UpSampling2D(image_size, interpolation="nearest")(embedding)
    features = layers.Concatenate()([layers.Conv2D(widths[0], 1)(noisy_images), embedding])
    skips = []
    for width in widths[:-1]:
        for _ in range(block_depth):
            features = residual_block(features, width)
            skips.append(features)
        features = layers.AveragePooling2D(2)(features)
    for _ in range(block_depth):
        features = residual_block(features, widths[-1])
    for width in reversed(widths[:-1]):
        features = layers.UpSampling2D(2, interpolation="bilinear")(features)
        for _ in range(block_depth):
            features = residual_block(layers.Concatenate()([features, skips.pop()]), width)
    outputs = layers.Conv2D(channels, 1, kernel_initializer="zeros")(features)
    return keras.Model([noisy_images, noise_variances], outputs, name="residual_unet")


class KID(keras.metrics.Metric):
    """Of the metric, what gets into the file: a tracker, and an encoder with a network inside."""

    def __init__(self):
        super().__init__(name="kid")
        self.kid_tracker = keras.metrics.Mean(name="kid_tracker")
        images = keras.Input((8, 8, 3))
        features = layers.BatchNormalization(scale=False)(layers.Conv2D(4, 3, use_bias=False)(images))
        features = layers.BatchNormalization(center=False, scale=False)(layers.Conv2D(4, 1)(features))
        inception = keras.Model(images, layers.Conv2D(4, 3)(features))
        self.encoder = keras.Sequential([keras.Input((8, 8, 3)), layers.Rescaling(255.0), inception])

    def result(self):
        return self.kid_tracker.result()


class DiffusionModel(keras.Model):
    """Its `attributes` say under which names, and in which order, it has normalizer, network and average."""

    def __init__(self, image_size=8, widths=(4, 8), block_depth=1, attributes=EXAMPLE, channels=3):
        super().__init__()
        network = get_network(image_size, widths, block_depth, channels)
        parts = {"network": network, "normalizer": layers.Normalization(), "average": keras.models.clone_model(network)}
        for part, name in attributes.items():
            setattr(self, name, parts[part])
        network.set_weights(random_weights(network, seed=1))
        parts["average"].set_weights(random_weights(network, seed=2))
        parts["normalizer"].adapt(PICTURES[..., :channels])
        self.parts = lambda: parts  # which Keras does not look into
        self.compile(optimizer=keras.optimizers.AdamW(), loss="mae")
        self.optimizer.build(network.trainable_weights)
        self.built = True  # as after training

    def compile(self, **settings):
        super().compile(**settings)
        self.noise_loss_tracker = keras.metrics.Mean(name="n_loss")
        self.image_loss_tracker = keras.metrics.Mean(name="i_loss")
        self.kid = KID()


def pictures_of(program, noises, num_steps):
    """Pictures (B, H, W, 3) in [0, 1] that the program makes out of noises, by its own averaged network."""
    ema_network, normalizer = program.parts()["average"], program.parts()["normalizer"]

    def rates(time):
        angle = math.acos(0.95) + time * (math.acos(0.02) - math.acos(0.95))
        return math.sin(angle), math.cos(angle)

    noisy_images = noises
    for step in range(num_steps):
        noise_rate, signal_rate = rates(1 - step / num_steps)
        variances = np.full((len(noises), 1, 1, 1), noise_rate**2, np.float32)
        pred_noises = ema_network.predict_on_batch([noisy_images, variances])
        pred_images = (noisy_images - noise_rate * pred_noises) / signal_rate
        noise_rate, signal_rate = rates(1 - (step + 1) / num_steps)
        noisy_images = signal_rate * pred_images + noise_rate * pred_noises
    mean, variance = (ops.convert_to_numpy(numbers) for numbers in (normalizer.mean, normalizer.variance))
    return np.clip(mean + pred_images * variance**0.5, 0, 1)
