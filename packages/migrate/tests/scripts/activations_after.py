"""Activations, called and passed as arguments."""

import numpy as np
import tensorflow as tf
import keras
import tensorsmith.layers.activations
from keras.activations import tanh_shrink as shrink
from tensorsmith.layers.activations import lisht

x = np.linspace(-2.0, 2.0, 9, dtype="float32")
dense = tf.keras.layers.Dense(3, activation=keras.activations.mish, kernel_initializer="ones")
named = tf.keras.layers.Dense(3, activation=tensorsmith.layers.activations.snake, kernel_initializer="ones")

results = {
    "gelu": tensorsmith.layers.activations.gelu(x),
    "exact gelu": tensorsmith.layers.activations.gelu(x, False),
    "hardshrink": keras.activations.hard_shrink(x),
    "hardshrink, bounds": keras.activations.hard_shrink(x, threshold=1.5),  # one threshold is enough
    "softshrink": keras.activations.soft_shrink(
        x,
        threshold=0.25,
    ),
    "lisht": lisht(x),
    "sparsemax": tensorsmith.layers.activations.sparsemax(x[None], axis=-1),
    "tanhshrink": shrink(x),
    "rrelu": tensorsmith.layers.activations.rrelu(x, training=False),
    "mish": dense(x[None]),
    "snake": named(x[None]),
}
