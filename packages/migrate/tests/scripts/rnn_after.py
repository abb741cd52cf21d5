"""Recurrent cells in `keras.layers.RNN`."""

import numpy as np
import tensorflow as tf
import tensorsmith.layers

x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")


def run(cell):
    return tf.keras.layers.RNN(cell)(x)


ONES = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
results = {
    "nas": run(tensorsmith.layers.NASCell(4, projection=2, projection_initializer="ones", **ONES)),
    "echo": run(tensorsmith.layers.ESNCell(4, 1.0, kernel_initializer="ones", recurrent_initializer="ones")),
    "normalized": run(tensorsmith.layers.LayerNormLSTMCell(4, "tanh", **ONES)),
    "simple": run(tensorsmith.layers.LayerNormSimpleRNNCell(4, "tanh", True, 1e-3, **ONES)),
    "peepholes": run(tensorsmith.layers.PeepholeLSTMCell(4, "tanh", "sigmoid", **ONES)),
}
