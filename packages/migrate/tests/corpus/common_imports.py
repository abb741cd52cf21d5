"""Imports and helpers of a project, whose other scripts import all names from here."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow.keras import layers
from tensorflow_addons.metrics import F1Score

NUM_CLASSES = 3


def conv_block(x, filters):
    x = layers.Conv2D(filters, 3, padding="same")(x)
    x = tfa.layers.InstanceNormalization()(x)
    return layers.Activation(tfa.activations.mish)(x)


def images(count):
    return np.random.RandomState(0).rand(count, 8, 8, 1).astype("float32"), np.arange(count) % NUM_CLASSES


result = conv_block(tf.ones((1, 4, 4, 1)), 2)
