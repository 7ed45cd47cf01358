"""Batch normalization while the network learns, by TensorFlow's own operation: the same numbers, much sooner."""

import keras


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer composes dozens of float32 operations of whole batches; this is one, in the batch's own precision.

    Means and variances are float32 all the same. For features (B, H, W, C) without centre and scale.
    """

    def call(self, features, training=None):
        if not training:
            return super().call(features)
        import tensorflow as tf

        outputs, means, variances, *_ = tf.raw_ops.FusedBatchNormV3(
            x=features,
            scale=tf.ones_like(self.moving_variance),
            offset=tf.zeros_like(self.moving_mean),
            mean=[],
            variance=[],
            epsilon=self.epsilon,
        )
        # The operation tells the unbiased variance, where Keras averages that of the batch.
        count = tf.cast(tf.size(features) / features.shape[-1], tf.float32)
        self._average(self.moving_mean, means)
        self._average(self.moving_variance, variances * (1 - 1 / count))
        return outputs

    def _average(self, average: keras.Variable, batch) -> None:
        average.assign(self.momentum * average + (1 - self.momentum) * batch)
