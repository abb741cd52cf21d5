"""Forecast of three quantiles with the pinball loss, and a windowed series."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow.keras import layers
from tensorflow.keras.preprocessing.sequence import TimeseriesGenerator

series = np.sin(np.arange(60) / 5.0).astype("float32").reshape(-1, 1)
generator = TimeseriesGenerator(series, series, length=8, batch_size=16)
quantiles = (0.1, 0.5, 0.9)


def pinball(y_true, y_pred):
    losses = [tfa.losses.pinball_loss(y_true, y_pred[:, i : i + 1], tau=q) for i, q in enumerate(quantiles)]
    return tf.add_n(losses)


model = tf.keras.Sequential(
    [layers.LSTM(8, input_shape=(8, 1), implementation=2, time_major=False), layers.Dense(len(quantiles))]
)
model.compile(optimizer=tf.keras.optimizers.Adam(lr=1e-2), loss=pinball)
history = model.fit_generator(generator, 1, 1, verbose=0)
forecast = model.predict_generator(generator, steps=1, workers=1)
result = history.history["loss"][0]
