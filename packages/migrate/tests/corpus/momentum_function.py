"""Momentum that a function returns."""

import tensorflow as tf
import tensorflow_addons as tfa

step = tf.Variable(0, trainable=False, dtype="int64")


def momentum():
    return 0.5 + 0.4 * tf.minimum(tf.cast(step, "float32") / 10.0, 1.0)


sgdw = tfa.optimizers.SGDW(weight_decay=1e-4, learning_rate=0.1, momentum=momentum)
adam = tf.keras.optimizers.Adam(0.1, beta_1=lambda: 0.9)
result = 0.0
for optimizer in (sgdw, adam):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(4,))])
    model.compile(optimizer=optimizer, loss="mse")
    result += model.train_on_batch(tf.ones((8, 4)), tf.zeros((8, 1)))
