"""Base class for residual units and inception modules."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras

from tensorsmith.core import SharedDocstrings, check
from tensorsmith.core.types import Activation, Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.fresh import fresh

ARGUMENTS = """\
kernel_initializer: Initializer for the convolution kernels.
kernel_regularizer: Regularizer function applied to the convolution kernels.
**kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`."""
CALL = """\
Call arguments:
    inputs: Floating-point tensor, a batch of images.
    training: If `True`, batch normalization uses the statistics of the current batch.

Input shape:
    `(batch, height, width, channels)`."""


class ConvolutionalBlock(SharedDocstrings, keras.layers.Layer):
    """Base class for blocks of convolutions, each with an optional normalization and an activation.

    Inputs are images in the format `"channels_last"`.

    Args:
        activation: Activation function to use after each convolution.
        normalization: Normalization of the output of each convolution: `"batch"` for batch normalization, a Keras layer
            that is copied for each convolution, or `None`.
        kernel_initializer: Initializer for the convolution kernels.
        kernel_regularizer: Regularizer function applied to the convolution kernels.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.
    """

    shared_texts: ClassVar[Mapping[str, str]] = {"kernel_arguments": ARGUMENTS, "call": CALL}

    def __init__(
        self,
        activation: Activation,
        normalization: str | keras.Layer | Mapping[str, Any] | None,
        kernel_initializer: Initializer,
        kernel_regularizer: Regularizer,
        **kwargs: Any,
    ):
        if isinstance(normalization, keras.layers.Layer):
            normalization = keras.layers.serialize(normalization)
        fits = normalization in ("batch", None) or isinstance(normalization, dict)
        check(fits, "normalization", normalization, "'batch', a Keras layer or None")
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.normalization = normalization
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def convolution(self, filters: int, kernel_size: int, strides: int = 1, activate: bool = True) -> list[Any]:
        """Returns a list of layers: a convolution, an optional normalization, and an optional activation."""
        layers: list[keras.Layer] = []
        if kernel_size == 1 and strides > 1:
            # The gradient of a 1 x 1 convolution with strides can end the process in TensorFlow 2.21 with oneDNN (with
            # 8 channels on AVX-512). A pooling with a window of one pixel selects the same positions.
            layers.append(
                keras.layers.MaxPooling2D(1, strides, "same", data_format="channels_last", dtype=self.dtype_policy)
            )
            strides = 1
        convolution = keras.layers.Conv2D(
            filters,
            kernel_size,
            strides,
            padding="same",
            data_format="channels_last",
            use_bias=self.normalization is None,  # a normalization has its own offset
            kernel_initializer=fresh(self.kernel_initializer),
            kernel_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
        )
        layers.append(convolution)
        if self.normalization == "batch":
            layers.append(keras.layers.BatchNormalization(dtype=self.dtype_policy))
        elif self.normalization is not None:
            copy = keras.layers.deserialize(self.normalization)
            layers.append(type(copy).from_config({**copy.get_config(), "name": None, "dtype": self.dtype_policy}))
        if activate:
            layers.append(keras.layers.Activation(self.activation, dtype=self.dtype_policy))
        return layers

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "activation": keras.activations.serialize(self.activation),
            "normalization": self.normalization,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
        return {**super().get_config(), **own}


def check_images(shape: Sequence[int | None]) -> None:
    """Raises an error unless `shape` is the shape of a batch of images with a known number of channels."""
    fits = len(shape) == 4 and shape[-1] is not None
    check(fits, "inputs", tuple(shape), "have shape (batch, height, width, channels) with a known number of channels")


def build_in_turn(layers: Sequence[Any], shape: Shape) -> Shape:
    """Builds layers that are applied in sequence, and returns the output shape of the last layer."""
    for layer in layers:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    return shape


def call_in_turn(layers: Sequence[Any], x: Tensor, training: bool | None) -> Tensor:
    """Applies layers in sequence, and returns the output of the last layer."""
    for layer in layers:
        x = layer(x, training=training)
    return x
