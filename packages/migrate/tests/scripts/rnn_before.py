"""Recurrent cells in `keras.layers.RNN`."""

import numpy as np
import tensorflow as tf
from tensorflow_addons import rnn

x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")


def run(cell):
    return tf.keras.layers.RNN(cell)(x)


ONES = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
results = {
    "nas": run(rnn.NASCell(4, projection=2, projection_initializer="ones", **ONES)),
    "echo": run(rnn.ESNCell(4, 1.0, kernel_initializer="ones", recurrent_initializer="ones")),
    "normalized": run(rnn.LayerNormLSTMCell(4, "tanh", **ONES)),
    "simple": run(rnn.LayerNormSimpleRNNCell(4, "tanh", True, 1e-3, **ONES)),
    "peepholes": run(rnn.PeepholeLSTMCell(4, "tanh", "sigmoid", **ONES)),
}
