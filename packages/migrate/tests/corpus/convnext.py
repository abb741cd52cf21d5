"""ConvNeXt with stochastic depth, warm-up and AdamW."""

import math

import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow.keras import layers


class LayerScale(layers.Layer):
    def __init__(self, init_values, projection_dim, **kwargs):
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, input_shape):
        self.gamma = self.add_weight(
            "gamma", (self.projection_dim,), initializer=tf.constant_initializer(self.init_values)
        )

    def call(self, x):
        return x * self.gamma


class WarmUpCosine(tf.keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, base, total_steps, warmup_steps):
        super().__init__()
        self.base, self.total_steps, self.warmup_steps = base, total_steps, warmup_steps

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        cosine = (
            0.5
            * self.base
            * (1 + tf.cos(math.pi * (step - self.warmup_steps) / (self.total_steps - self.warmup_steps)))
        )
        return tf.where(step < self.warmup_steps, self.base * (step + 1) / self.warmup_steps, cosine)


def block(inputs, dim, drop_path):
    x = layers.DepthwiseConv2D(7, padding="same")(inputs)
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.Dense(4 * dim, activation="gelu")(x)
    x = LayerScale(1e-6, dim)(layers.Dense(dim)(x))
    return tfa.layers.StochasticDepth(1.0 - drop_path)([inputs, x])


inputs = layers.Input((16, 16, 3))
x = layers.experimental.preprocessing.Normalization(mean=[0.5] * 3, variance=[0.25] * 3)(inputs)
x = layers.LayerNormalization(epsilon=1e-6)(layers.Conv2D(8, 4, strides=4)(x))
for rate in (0.0, 0.1):
    x = block(x, 8, rate)
x = layers.LayerNormalization(epsilon=1e-6)(layers.GlobalAveragePooling2D()(x))
model = tf.keras.Model(inputs, layers.Dense(4)(x))

schedule = WarmUpCosine(1e-3, 100, 10)
optimizer = tfa.optimizers.AdamW(
    learning_rate=schedule,
    weight_decay=lambda: 1e-4 * schedule(optimizer.iterations),
    exclude_from_weight_decay=["gamma", "bias"],
)
model.compile(optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
result = model.fit(tf.random.uniform((8, 16, 16, 3)), tf.range(8) % 4, batch_size=8, verbose=0).history["loss"][0]
