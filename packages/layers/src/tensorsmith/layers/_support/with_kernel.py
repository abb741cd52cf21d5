"""Classes of Keras layers that multiply their inputs by a kernel, and the axes of the kernels."""

import keras

DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
PLAIN = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
WITH_KERNEL = (*PLAIN, *DEPTHWISE, *TRANSPOSED)
SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)  # two kernels, the second as in PLAIN


def output_axes(layer: keras.Layer) -> list[int]:
    """Returns the output channel axes of the kernel of a layer, or of its last kernel if there are several."""
    if type(layer) in DEPTHWISE:
        return [-2, -1]
    return [-2] if type(layer) in TRANSPOSED else [-1]
