"""Augmentation with functions of Addons in a pipeline."""

import tensorflow as tf
import tensorflow_addons as tfa


def augment(image, label):
    angle = tf.random.uniform([], -0.3, 0.3)
    image = tfa.image.rotate(image, angle, interpolation="bilinear")
    image = tfa.image.random_cutout(image[None], (4, 4))[0]
    image = tfa.image.gaussian_filter2d(image, (3, 3), 1.0)
    return image, label


data = tf.data.Dataset.from_tensor_slices((tf.random.uniform((8, 16, 16, 3)), tf.range(8) % 2)).map(augment).batch(8)
model = tf.keras.Sequential([tf.keras.layers.Flatten(), tf.keras.layers.Dense(2)])
model.compile(tfa.optimizers.AdamW(1e-4, lr=1e-3), tf.keras.losses.SparseCategoricalCrossentropy(True))
result = model.fit(data, epochs=1, verbose=0).history["loss"][0]
