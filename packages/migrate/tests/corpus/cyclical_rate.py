"""Cyclical learning rates."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow.keras import layers

BATCH_SIZE, INIT_LR, MAX_LR = 8, 1e-4, 1e-2
x_train = np.random.rand(32, 10, 10, 1).astype("float32")
y_train = np.random.randint(0, 3, 32)


def get_training_model():
    return tf.keras.Sequential(
        [
            layers.InputLayer((10, 10, 1)),
            layers.experimental.preprocessing.Rescaling(scale=1.0 / 255),
            layers.Conv2D(4, (5, 5), activation="relu"),
            layers.MaxPooling2D(2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )


steps_per_epoch = len(x_train) // BATCH_SIZE
clr = tfa.optimizers.CyclicalLearningRate(
    initial_learning_rate=INIT_LR,
    maximal_learning_rate=MAX_LR,
    scale_fn=lambda x: 1 / (2.0 ** (x - 1)),
    step_size=2 * steps_per_epoch,
)
triangular = tfa.optimizers.Triangular2CyclicalLearningRate(INIT_LR, MAX_LR, 2 * steps_per_epoch)
result = 0.0
for schedule in (clr, triangular):
    model = get_training_model()
    model.compile(
        optimizer=tf.keras.optimizers.SGD(schedule), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    history = model.fit(x_train, y_train, batch_size=BATCH_SIZE, epochs=1, steps_per_epoch=1, verbose=0)
    result += history.history["loss"][0]
