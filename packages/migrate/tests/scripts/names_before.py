#!/usr/bin/env python
"""Different meanings of names."""

import os; import tensorflow_addons.layers

try:
    import tensorflow_addons as tfa
except ImportError:
    tfa = False

from tensorflow_addons.callbacks import *
from tensorflow_addons.losses import contrastive_loss
from tensorflow_addons.activations import hardshrink
from tensorflow_addons.metrics.f_scores import F1Score

__all__ = ["contrastive_loss", "hardshrink"]  # re-exported


def build(keras, width: "F1Score"):
    keras.layers.Dense(width, activation="Addons>hardshrink")
    keras.layers.Dense(width, "Addons>relu")
    return tensorflow_addons.layers.GroupNormalization(2), tensorflow_addons.layers.Maxout(2)


def other(*sizes, **more):
    kinds = getattr(tensorflow_addons.layers, "CRF"), tfa.layers.CRF
    layers = [tensorflow_addons.layers.InstanceNormalization(*sizes), tensorflow_addons.layers.CRF(*sizes, **more)]
    attention = tensorflow_addons.layers.MultiHeadAttention(8, num_heads=2)
    return kinds, layers, attention, tensorflow_addons.layers.NoLayer(3)
