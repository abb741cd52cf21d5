"""Ranking metrics of Addons, and a wrapped function."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow.keras import metrics


def relative_error(y_true, y_pred):
    return tf.abs(y_true - y_pred) / (tf.abs(y_true) + 1e-3)


model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_dim=3)])
model.compile(
    loss=tf.keras.losses.log_cosh,
    optimizer=tfa.optimizers.extend_with_decoupled_weight_decay(tf.keras.optimizers.RMSprop)(
        weight_decay=1e-4, learning_rate=1e-3
    ),
    metrics=[
        tfa.metrics.MeanMetricWrapper(relative_error, name="relative"),
        tfa.metrics.PearsonsCorrelation(-3.0, 3.0, -3.0, 3.0),
        metrics.mean_absolute_error,
    ],
)
x, y = np.random.rand(12, 3).astype("float32"), np.random.rand(12, 1).astype("float32")
history = model.fit(x, y, batch_size=12, verbose=0)
tau = tfa.metrics.KendallsTauB(0.0, 1.0, 0.0, 1.0)
tau.update_state(y[:, 0], x[:, 0])
mean = tfa.metrics.GeometricMean()
mean.update_state([1.0, 4.0])
result = history.history["loss"][0] + mean.result()
