"""Layers with one kernel that they multiply their inputs by."""

import keras

DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
WITH_KERNEL = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, *DEPTHWISE)
