"""Augmentation in a pipeline."""

import tensorflow as tf
import tensorflow_addons as tfa
import keras

image = tf.ones((8, 8, 3))


@tf.function
def augment(image, label):
    # tensorsmith migrate: image.rotate: no successor yet
    image = tfa.image.rotate(image, 0.2, interpolation="BILINEAR")
    # tensorsmith migrate: image.transform: give tensors, images with three or four axes, and modes in small letters
    image = keras.ops.image.affine_transform(image, [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0], interpolation="nearest")
    # tensorsmith migrate: image.transform: give tensors, images with three or four axes, and modes in small letters
    image = keras.ops.image.affine_transform(image, transform=[1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0], interpolation="bilinear")
    # tensorsmith migrate: image.transform: output_shape is not supported: keras.ops.image.affine_transform keeps the size: crop or pad its result instead
    image = tfa.image.transform(image, [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0], output_shape=[4, 4])
    # tensorsmith migrate: image.gaussian_filter2d: no successor yet
    return tfa.image.gaussian_filter2d(image), label


data = tf.data.Dataset.from_tensors((image, 0)).map(augment)
