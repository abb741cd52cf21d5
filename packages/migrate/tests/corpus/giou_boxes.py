"""Box regression with the GIoU loss, and a loss function of Addons in compile."""

import tensorflow as tf
from tensorflow import keras
from tensorflow_addons.losses import GIoULoss, giou_loss

inputs = keras.Input(shape=(8, 8, 3))
x = keras.layers.Flatten()(inputs)
x = keras.layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.l2(l=1e-4))(x)
corner = keras.layers.Dense(2, activation="sigmoid")(x)
size = keras.layers.Dense(2, activation="softplus")(x)
boxes = tf.concat([corner, tf.add(corner, size)], axis=-1)
model = keras.Model(inputs, boxes)
images = tf.random.uniform((4, 8, 8, 3))
truth = tf.constant([[0.1, 0.1, 0.5, 0.6]] * 4)
result = 0.0
for loss in (GIoULoss(mode="giou"), giou_loss):
    model.compile(keras.optimizers.Nadam(lr=1e-3), loss)
    result += model.fit(images, truth, verbose=0).history["loss"][0]
