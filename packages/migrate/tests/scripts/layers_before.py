"""Layers: imported by name, by attributes, subclassed, in custom objects."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

# Layers that Keras 2 does not have.
import tensorflow_addons.layers as addons_layers
from tensorflow_addons.layers import CRF, InstanceNormalization, MultiHeadAttention, WeightNormalization
from tensorflow_addons.layers.maxout import Maxout as Most

images = np.random.default_rng(0).normal(size=(2, 4, 4, 6)).astype("float32")
steps = images[:, 0]


class Tagger(CRF):
    """A subclass."""


class Other:
    def normalize(self, addons_layers):
        return addons_layers.GroupNormalization(2)  # an argument, not the module


def pooled(x):
    import tensorflow_addons

    return tensorflow_addons.layers.AdaptiveAveragePooling2D((2, 2))(x)


tagger = Tagger(6, "ones", use_boundary=False, use_kernel=False)
weighted = WeightNormalization(keras.layers.Dense(2, kernel_initializer="ones"), data_init=False)
attention = MultiHeadAttention(4, 2, dropout=0.5, kernel_initializer=keras.initializers.Constant(0.1))
results = {
    "instance": InstanceNormalization(epsilon=1e-5)(images),
    "instance, axis": InstanceNormalization()(images),
    "group": addons_layers.GroupNormalization(3, axis=-1)(images),
    "maxout": Most(2)(images),
    "crf": tagger(steps)[1],
    "weighted": weighted(steps),
    "attention": attention([steps, steps[:, :3]], mask=np.tri(4, 3)),
    "pooled": pooled(images),
    "gelu": addons_layers.GELU()(images),
    "exact gelu": addons_layers.GELU(approximate=False)(images),
    "response": addons_layers.FilterResponseNormalization(1e-4, [1, 2])(images),
    "unit": addons_layers.TLU(affine=True, tau_initializer="ones")(images),
}
custom_objects = {"Addons>CRF": CRF, "Addons>Maxout": Most}
