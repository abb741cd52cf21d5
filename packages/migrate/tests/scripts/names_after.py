#!/usr/bin/env python
"""Different meanings of names."""

import os; import tensorflow_addons.layers
import tensorsmith.layers
from tensorsmith.losses import contrastive_loss

try:
    import tensorflow_addons as tfa
except ImportError:
    tfa = False

# tensorsmith migrate: tensorflow_addons: the names that * imports are unknown: import each name
from tensorflow_addons.callbacks import *
# tensorsmith migrate: activations.hardshrink: keras.activations.hard_shrink takes its place, with other arguments
from tensorflow_addons.activations import hardshrink
from tensorflow_addons.metrics.f_scores import F1Score

__all__ = ["contrastive_loss", "hardshrink"]  # re-exported


# tensorsmith migrate: tensorflow_addons: a name inside of a string
def build(keras, width: "F1Score"):
    # tensorsmith migrate: Addons>hardshrink: keras.activations.hard_shrink takes its place, with other arguments
    keras.layers.Dense(width, activation="Addons>hardshrink")
    # tensorsmith migrate: Addons>relu: no component of Addons 0.23
    keras.layers.Dense(width, "Addons>relu")
    # tensorsmith migrate: layers.GroupNormalization: keras.layers.GroupNormalization takes its place, but `keras` is something else here
    return tensorflow_addons.layers.GroupNormalization(2), tensorsmith.layers.Maxout(2)


def other(*sizes, **more):
    # tensorsmith migrate: layers.CRF: this name has more than one meaning
    # tensorsmith migrate: tensorflow_addons.layers: used as a whole
    kinds = getattr(tensorflow_addons.layers, "CRF"), tfa.layers.CRF
    # tensorsmith migrate: layers.InstanceNormalization: the arguments behind * are unknown here, and the signature has changed
    layers = [tensorflow_addons.layers.InstanceNormalization(*sizes), tensorsmith.layers.CRF(*sizes, **more)]
    attention = tensorsmith.layers.AddonsMultiHeadAttention(8, num_heads=2)
    # tensorsmith migrate: tensorflow_addons.layers.NoLayer: no component of Addons 0.23
    return kinds, layers, attention, tensorflow_addons.layers.NoLayer(3)
