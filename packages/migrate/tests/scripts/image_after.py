"""Augmentation in a pipeline."""

import tensorflow as tf
import tensorsmith.image

image = tf.ones((8, 8, 3))


@tf.function
def augment(image, label):
    image = tensorsmith.image.rotate(image, 0.2, interpolation="BILINEAR")
    image = tensorsmith.image.transform(image, [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    image = tensorsmith.image.transform(image, transforms=[1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0], interpolation="bilinear", name="shift")
    image = tensorsmith.image.transform(image, [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0], output_shape=[4, 4])
    return tensorsmith.image.gaussian_filter2d(image), label


data = tf.data.Dataset.from_tensors((image, 0)).map(augment)
