"""Progress bar and time limit of Addons in a training run."""

import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow.keras.callbacks import LambdaCallback, LearningRateScheduler, TerminateOnNaN

tqdm_callback = tfa.callbacks.TQDMProgressBar(show_epoch_progress=False)
time_stopping = tfa.callbacks.TimeStopping(seconds=30, verbose=1)
steps = []
log_steps = LambdaCallback(on_batch_end=lambda batch, logs: steps.append(batch))
schedule = LearningRateScheduler(lambda epoch, lr: lr * 0.9)
model = tf.keras.Sequential(
    [
        tf.keras.layers.Dense(8, activation=tfa.activations.lisht, input_shape=(4,)),
        tf.keras.layers.BatchNormalization(fused=None),
        tf.keras.layers.Dense(1, activation=tf.keras.activations.linear),
    ]
)
model.compile(tf.keras.optimizers.Adamax(lr=0.002), loss="mse")
history = model.fit(
    tf.random.normal((8, 4)),
    tf.random.normal((8, 1)),
    epochs=1,
    verbose=0,
    callbacks=[tqdm_callback, time_stopping, log_steps, schedule, TerminateOnNaN()],
)
assert steps == [0]
result = history.history["loss"][0]
