"""Weights after some optimizer steps."""

import numpy as np
import tensorflow as tf
import tensorsmith.optimizers

rate = 0.01
x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")


def weights(optimizer):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")])
    model.compile(optimizer, "mse")
    model.fit(x, x[:, :1], epochs=4, batch_size=8, verbose=0)
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


results = {
    "adamw": weights(tensorsmith.optimizers.AddonsAdamW(weight_decay=0.02, learning_rate=rate)),
    "scheduled": weights(
        tensorsmith.optimizers.AddonsAdamW(
            lambda: 0.02, tf.keras.optimizers.schedules.ExponentialDecay(rate, 2, 0.5), exclude_from_weight_decay=["bias"]
        )
    ),
    "sgdw": weights(tensorsmith.optimizers.SGDW(0.03, momentum=0.9)),
    "lamb": weights(tensorsmith.optimizers.AddonsLAMB(rate)),
}
