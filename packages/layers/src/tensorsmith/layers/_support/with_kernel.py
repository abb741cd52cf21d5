"""Layers with one kernel that they multiply their inputs by."""

import keras

DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
PLAIN = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
WITH_KERNEL = (*PLAIN, *DEPTHWISE, *TRANSPOSED)
SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)  # have two, the second of which is plain


def output_axes(layer: keras.Layer) -> list[int]:
    """The axes of a layer's last kernel that its output channels are made of."""
    if type(layer) in DEPTHWISE:
        return [-2, -1]
    return [-2] if type(layer) in TRANSPOSED else [-1]
