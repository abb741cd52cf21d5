"""What residual units and inception modules have in common."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras

from tensorsmith.core import SharedDocstrings, check
from tensorsmith.core.types import Activation, Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.fresh import fresh

ARGUMENTS = """\
kernel_initializer: Initializer of the kernels.
kernel_regularizer: Regularizer of the kernels.
**kwargs: `name`, `dtype`, `trainable`, as for every Keras layer."""
CALL = """\
Call arguments:
    inputs: Tensor of floating type.
    training: If `True`, batch normalization uses the statistics of the batch.

Input shape:
    `(batch, height, width, channels)`."""


class ConvolutionalBlock(SharedDocstrings, keras.layers.Layer):
    """Convolutions, each followed by a normalization and an activation; pictures have their channels last.

    Args:
        activation: The activation.
        normalization: "batch" for batch normalization; a Keras layer, of which each convolution gets a copy; or None.
        kernel_initializer: Initializer of the kernels.
        kernel_regularizer: Regularizer of the kernels.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.
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
        """A convolution, with a bias where no normalization takes it away, and what follows it."""
        convolution = keras.layers.Conv2D(
            filters,
            kernel_size,
            strides,
            padding="same",
            data_format="channels_last",
            use_bias=self.normalization is None,
            kernel_initializer=fresh(self.kernel_initializer),
            kernel_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
        )
        layers = [convolution]
        if self.normalization == "batch":
            layers.append(keras.layers.BatchNormalization(dtype=self.dtype_policy))
        elif self.normalization is not None:
            copy = keras.layers.deserialize(self.normalization)
            layers.append(type(copy).from_config({**copy.get_config(), "name": None, "dtype": self.dtype_policy}))
        if activate:
            layers.append(keras.layers.Activation(self.activation, dtype=self.dtype_policy))
        return layers

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "activation": keras.activations.serialize(self.activation),
            "normalization": self.normalization,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
        return {**super().get_config(), **own}


def check_pictures(shape: Sequence[int | None]) -> None:
    """Raises unless inputs of this shape are pictures with a known number of channels."""
    fits = len(shape) == 4 and shape[-1] is not None
    check(fits, "inputs", tuple(shape), "shape (batch, height, width, channels), with known channels")


def build_in_turn(layers: Sequence[Any], shape: Shape) -> Shape:
    """Builds layers of which each takes what the one before gives; returns the shape of the last one's outputs."""
    for layer in layers:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    return shape


def call_in_turn(layers: Sequence[Any], x: Tensor, training: bool | None) -> Tensor:
    """What the last of these layers gives."""
    for layer in layers:
        x = layer(x, training=training)
    return x
