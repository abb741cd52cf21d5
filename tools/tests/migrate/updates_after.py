"""Weights after some steps of optimizers."""

import numpy as np
import tensorflow as tf
import keras
import tensorsmith.optimizers

rate = 0.01
x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")


def weights(optimizer):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")])
    model.compile(optimizer, "mse")
    model.fit(x, x[:, :1], epochs=4, batch_size=8, verbose=0)
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


# tensorsmith migrate: optimizers.AdamW: weight_decay is multiplied by the learning rate now, so it is divided by it: both change together
# tensorsmith migrate: optimizers.LAMB: weight_decay is taken off before the update now, not part of what the trust ratio scales
# tensorsmith migrate: optimizers.SGDW: weight_decay is multiplied by the learning rate now, so it is divided by it: both change together
results = {
    "adamw": weights(keras.optimizers.AdamW(weight_decay=0.02 / rate, learning_rate=rate)),
    "sgdw": weights(keras.optimizers.SGD(weight_decay=0.03 / 0.001, momentum=0.9, learning_rate=0.001)),
    "lamb": weights(tensorsmith.optimizers.Lamb(rate, epsilon=1e-6)),
}
