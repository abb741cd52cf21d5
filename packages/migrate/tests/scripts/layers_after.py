"""Layers: imported by name, by attributes, subclassed, in custom objects."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

# Layers that Keras 2 does not have.
import tensorsmith.layers
from tensorsmith.layers import CRF, Maxout as Most, WeightNormalization

images = np.random.default_rng(0).normal(size=(2, 4, 4, 6)).astype("float32")
steps = images[:, 0]


class Tagger(CRF):
    """A subclass."""


class Other:
    def normalize(self, addons_layers):
        return addons_layers.GroupNormalization(2)  # an argument, not the module


def pooled(x):
    return keras.layers.AdaptiveAveragePooling2D((2, 2))(x)


tagger = Tagger(6, "ones", use_boundary=False, use_kernel=False)
weighted = WeightNormalization(keras.layers.Dense(2, kernel_initializer="ones"), data_init=False)
attention = tensorsmith.layers.AddonsMultiHeadAttention(4, 2, dropout=0.5, kernel_initializer=keras.initializers.Constant(0.1))
results = {
    "instance": keras.layers.GroupNormalization(epsilon=1e-5, groups=-1)(images),
    "instance, axis": keras.layers.GroupNormalization(groups=-1)(images),
    "group": keras.layers.GroupNormalization(3, axis=-1)(images),
    "maxout": Most(2)(images),
    "crf": tagger(steps)[1],
    "weighted": weighted(steps),
    "attention": attention([steps, steps[:, :3]], mask=np.tri(4, 3)),
    "pooled": pooled(images),
    "gelu": tensorsmith.layers.GELU()(images),
    "exact gelu": tensorsmith.layers.GELU(approximate=False)(images),
    "response": tensorsmith.layers.FilterResponseNormalization(1e-4, [1, 2])(images),
    "unit": tensorsmith.layers.TLU(affine=True, tau_initializer="ones")(images),
}
custom_objects = {"Addons>CRF": CRF, "Addons>Maxout": Most}
