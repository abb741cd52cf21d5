"""Optical flow with dense warping."""

import tensorflow as tf
from tensorflow.keras import layers
from tensorflow_addons.image import dense_image_warp, interpolate_bilinear
from tensorflow_addons.layers import CorrelationCost


class Warp(layers.Layer):
    def call(self, inputs):
        image, flow = inputs
        return dense_image_warp(image, flow)


first, second = layers.Input((8, 8, 4)), layers.Input((8, 8, 4))
cost = CorrelationCost(1, 2, 1, 1, 2, "channels_last")([first, second])
flow = layers.Conv2D(2, 3, padding="same")(cost)
model = tf.keras.Model([first, second], Warp()([second, flow]))
model.compile(tf.keras.optimizers.Adam(lr=1e-4), "mae")
images = tf.random.uniform((2, 8, 8, 4))
result = model.fit([images, images], images, verbose=0).history["loss"][0]
points = interpolate_bilinear(images, tf.ones((2, 3, 2)))
