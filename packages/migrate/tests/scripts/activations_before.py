"""Activations, called and passed as arguments."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow_addons.activations import lisht, tanhshrink as shrink

x = np.linspace(-2.0, 2.0, 9, dtype="float32")
dense = tf.keras.layers.Dense(3, activation=tfa.activations.mish, kernel_initializer="ones")
named = tf.keras.layers.Dense(3, activation="Addons>snake", kernel_initializer="ones")

results = {
    "gelu": tfa.activations.gelu(x),
    "exact gelu": tfa.activations.gelu(x, False),
    "hardshrink": tfa.activations.hardshrink(x),
    "hardshrink, bounds": tfa.activations.hardshrink(x, -1.5, upper=1.5),  # one threshold is enough
    "softshrink": tfa.activations.softshrink(
        x,
        lower=-0.25,
        upper=0.25,
    ),
    "lisht": lisht(x),
    "sparsemax": tfa.activations.sparsemax(x[None], axis=-1),
    "tanhshrink": shrink(x),
    "rrelu": tfa.activations.rrelu(x, training=False),
    "mish": dense(x[None]),
    "snake": named(x[None]),
}
