"""Maxout network, fed by a keras.utils.Sequence."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow_addons.layers import Maxout, PolynomialCrossing, Sparsemax


class Batches(keras.utils.Sequence):
    def __init__(self, x, y, batch_size):
        self.x, self.y, self.batch_size = x, y, batch_size

    def __len__(self):
        return int(np.ceil(len(self.x) / self.batch_size))

    def __getitem__(self, index):
        part = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return self.x[part], self.y[part]


inputs = keras.Input((6,))
x0 = keras.layers.Dense(8)(inputs)
x1 = PolynomialCrossing()([x0, x0])
x2 = Maxout(4)(keras.layers.Dense(16)(x1))
outputs = Sparsemax(name="classes")(keras.layers.Dense(3)(x2))
model = keras.Model(inputs, outputs)
model.compile("sgd", "mse", ["acc"], None)
batches = Batches(np.random.rand(16, 6).astype("float32"), np.eye(3, dtype="float32")[np.arange(16) % 3], 8)
history = model.fit_generator(
    batches,
    epochs=1,
    verbose=0,
    max_queue_size=10,
    workers=2,
    use_multiprocessing=False,
)
loss, accuracy = model.evaluate_generator(batches, steps=1)
predictions = model.predict_generator(batches)
result = loss
