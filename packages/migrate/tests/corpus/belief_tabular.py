"""Tabular classification with AdaBelief, Snake and exponential schedules."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

frame = np.random.rand(24, 5).astype("float32")
target = (frame[:, 0] > 0.5).astype("int32")
model = tf.keras.Sequential(
    [
        tf.keras.layers.Dense(8, input_shape=(5,)),
        tfa.layers.Snake(),
        tf.keras.layers.Dense(8, activation=tfa.activations.tanhshrink),
        tf.keras.layers.Dense(1, activation="sigmoid"),
    ]
)
rate = tf.keras.optimizers.schedules.ExponentialDecay(1e-2, 10, 0.9, staircase=True)
optimizer = tfa.optimizers.AdaBelief(rate, rectify=False, weight_decay=1e-4)
model.compile(optimizer=optimizer, loss=tfa.losses.SigmoidFocalCrossEntropy(), metrics=[tf.keras.metrics.AUC()])
history = model.fit(frame, target.reshape(-1, 1), epochs=1, batch_size=24, verbose=0)
result = history.history["loss"][0]
