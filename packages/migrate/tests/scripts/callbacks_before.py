"""Callbacks."""

import tensorflow as tf
import tensorflow_addons as tfa

model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
callbacks = [tf.keras.callbacks.TerminateOnNaN()]
callbacks.append(tfa.callbacks.TimeStopping(seconds=60))
if tf.config.list_physical_devices("GPU"):
    # The progress bar is used on GPUs only.
    callbacks.append(tfa.callbacks.TQDMProgressBar())
callbacks += [tfa.callbacks.AverageModelCheckpoint(True, "model.keras")]
