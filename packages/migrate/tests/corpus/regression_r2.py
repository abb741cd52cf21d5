"""Regression with R-squared as a metric, for vectors and several outputs."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow.keras.losses import mean_squared_error

x = np.random.rand(20, 4).astype("float32")
y = (x @ np.array([[1.0], [2.0], [-1.0], [0.5]], "float32")).astype("float32")


def rmse(y_true, y_pred):
    return tf.sqrt(tf.reduce_mean(mean_squared_error(y_true, y_pred)))


model = tf.keras.Sequential([tf.keras.layers.Dense(8, activation="relu", input_shape=(4,)), tf.keras.layers.Dense(1)])
r2 = tfa.metrics.RSquare(dtype=tf.float32)
model.compile(
    loss="mse",
    optimizer=tfa.optimizers.Yogi(lr=0.01),
    metrics=[rmse, r2, tfa.metrics.RSquare(name="adjusted", num_regressors=4)],
)
history = model.fit(x, y, batch_size=20, epochs=1, verbose=0)
metric = tfa.metrics.RSquare(multioutput="raw_values")
metric.update_state(np.hstack([y, 2 * y]), np.hstack([y, y]))
each = metric.result().numpy()
metric.reset_states()
result = history.history["rmse"][0] + float(each[0])
