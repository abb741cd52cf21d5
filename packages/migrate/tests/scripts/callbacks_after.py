"""Callbacks."""

import tensorflow as tf
import tensorsmith.training

model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
callbacks = [tf.keras.callbacks.TerminateOnNaN()]
callbacks.append(tensorsmith.training.TimeStopping(seconds=60))
if tf.config.list_physical_devices("GPU"):
    # The progress bar is used on GPUs only.
    callbacks.append(tensorsmith.training.TQDMProgressBar())
callbacks += [tensorsmith.training.AverageModelCheckpoint(True, "model.keras")]
