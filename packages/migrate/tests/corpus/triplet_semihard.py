"""Metric learning with semi-hard triplets on unit embeddings."""

import io

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

model = tf.keras.Sequential(
    [
        tf.keras.layers.Conv2D(filters=8, kernel_size=2, padding="same", activation="relu", input_shape=(8, 8, 1)),
        tf.keras.layers.MaxPooling2D(pool_size=2),
        tf.keras.layers.Dropout(0.3),
        tf.keras.layers.Flatten(),
        tf.keras.layers.Dense(16, activation=None),
        tf.keras.layers.Lambda(lambda x: tf.math.l2_normalize(x, axis=1)),
    ]
)
model.compile(optimizer=tf.keras.optimizers.Adam(0.001), loss=tfa.losses.TripletSemiHardLoss())

images = np.random.rand(12, 8, 8, 1).astype("float32")
labels = np.arange(12) % 3
dataset = tf.data.Dataset.from_tensor_slices((images, labels)).batch(12)
history = model.fit(dataset, epochs=1, verbose=0)
results = model.predict(dataset, verbose=0, workers=1)
out_v = io.StringIO()
np.savetxt(out_v, results, delimiter="\t")
result = history.history["loss"][0]
