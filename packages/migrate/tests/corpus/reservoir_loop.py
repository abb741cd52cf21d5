"""States of a reservoir, computed step by step, as features of a linear readout."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

series = np.sin(np.arange(40, dtype="float32") / 3)[None, :, None]
cell = tfa.rnn.ESNCell(16, connectivity=0.3, leaky=0.8)
h = tf.zeros((1, 16))
states = []
for t in range(series.shape[1]):
    y, h = cell(series[:, t], [h])
    states.append(y)
features = tf.concat(states, axis=0)
readout = tf.keras.Sequential([tf.keras.layers.Dense(1)])
readout.compile(optimizer=tfa.optimizers.RectifiedAdam(1e-2), loss="mse")
readout.fit(features[:-1], series[0, 1:], epochs=1, verbose=0)
result = [float(tf.reduce_max(tf.abs(h))), float(tf.reduce_sum(tf.abs(features[-1] - h[0])))]
