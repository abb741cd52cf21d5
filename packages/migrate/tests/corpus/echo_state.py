"""Echo state network for a chaotic series."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

rng = np.random.RandomState(0)
x = np.cumsum(rng.randn(8, 12, 1), axis=1).astype("float32")
inputs = tf.keras.Input(shape=(11, 1))
reservoir = tfa.layers.ESN(units=20, connectivity=0.2, leaky=0.9, spectral_radius=0.9, return_sequences=True)
outputs = tf.keras.layers.Dense(1)(reservoir(inputs))
model = tf.keras.Model(inputs, outputs)
model.compile(optimizer=tf.keras.optimizers.Adam(learning_rate=1e-2), loss="mae")
model.summary(print_fn=lambda line, **_: None)
history = model.fit(x[:, :-1], x[:, 1:], batch_size=8, epochs=1, verbose=0, shuffle=False)
result = history.history["loss"][0]
