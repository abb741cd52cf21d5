"""Base class for convolutional residual units."""

from collections.abc import Mapping
from typing import Any, ClassVar

import keras

from tensorsmith.core import check, is_integer, plain
from tensorsmith.core.types import Activation, Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.convolutional_block import (
    ARGUMENTS,
    ConvolutionalBlock,
    build_in_turn,
    call_in_turn,
    check_images,
)
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers.convolution.squeeze_excitation import SqueezeExcitation

UNIT_ARGUMENTS = f"""\
normalization: Normalization of the output of each convolution: `"batch"` for batch normalization, a Keras layer that is
    copied for each convolution, or `None`.
squeeze_ratio: Reduction ratio of the squeeze-and-excitation before the sum, as in SE-ResNets. If `None`, there is none.
{ARGUMENTS}"""
OUTPUT = """\
Output shape:
    `(batch, height / strides, width / strides, filters)`, with sizes rounded up."""
SOURCE = """\
Source: He et al., "Deep Residual Learning for Image Recognition", 2016. The squeeze-and-excitation is placed as in Hu
et al., "Squeeze-and-Excitation Networks", 2018."""


class ResidualBlock(ConvolutionalBlock):
    """Base class for residual blocks. Subclasses define the convolutions of the residual branch.

    Args:
        filters: Integer, the number of output channels.
        strides: Integer, the factor by which height and width are reduced.
        activation: Activation function to use after each convolution.
        {{unit_arguments}}
    """

    divisor = 1  # `filters` must be a multiple of it
    shared_texts: ClassVar[Mapping[str, str]] = {
        **ConvolutionalBlock.shared_texts,
        "unit_arguments": UNIT_ARGUMENTS,
        "output": OUTPUT,
        "source": SOURCE,
    }

    def __init__(
        self,
        filters: int,
        strides: int = 1,
        activation: Activation = "relu",
        normalization: str | keras.Layer | Mapping[str, Any] | None = "batch",
        squeeze_ratio: int | None = None,
        kernel_initializer: Initializer = "he_normal",
        kernel_regularizer: Regularizer | None = None,
        **kwargs: Any,
    ):
        fits = is_integer(filters) and filters > 0 and filters % self.divisor == 0
        expected = "a positive integer" if self.divisor == 1 else f"a positive multiple of {self.divisor}"
        check(fits, "filters", filters, expected)
        check(is_integer(strides) and strides > 0, "strides", strides, "a positive integer")
        fits = squeeze_ratio is None or (is_integer(squeeze_ratio) and squeeze_ratio > 0)
        check(fits, "squeeze_ratio", squeeze_ratio, "a positive integer or None")
        filters, strides, squeeze_ratio = plain((filters, strides, squeeze_ratio))
        super().__init__(activation, normalization, kernel_initializer, kernel_regularizer, **kwargs)
        self.filters = filters
        self.strides = strides
        self.squeeze_ratio = squeeze_ratio

    def convolutions(self) -> list[tuple[int, int, int]]:
        """Returns the filters, kernel size and strides of each convolution."""
        raise NotImplementedError

    def build(self, input_shape: Shape) -> None:
        """Creates the layers of the residual branch and, if the shape changes, the layers of the shortcut."""
        check_images(input_shape)
        *before, last = self.convolutions()
        self.residual = [layer for each in before for layer in self.convolution(*each)]
        self.residual += self.convolution(*last, activate=False)
        if self.squeeze_ratio is not None:
            squeeze = SqueezeExcitation(
                self.squeeze_ratio,
                kernel_initializer=self.kernel_initializer,
                kernel_regularizer=self.kernel_regularizer,
                dtype=self.dtype_policy,
            )
            self.residual.append(squeeze)
        # A projection shortcut is required where the number of channels or the spatial size changes.
        changes = self.strides > 1 or input_shape[-1] != self.filters
        self.shortcut = self.convolution(self.filters, 1, self.strides, activate=False) if changes else []
        build_in_turn(self.residual, input_shape)
        build_in_turn(self.shortcut, input_shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Computes the activation of the sum of the shortcut and the residual branch."""
        inputs = floating(inputs, self.compute_dtype)
        residual = call_in_turn(self.residual, inputs, training)
        return self.activation(residual + call_in_turn(self.shortcut, inputs, training))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which has `filters` channels and spatial dimensions divided by the strides."""
        batch, *size, _ = input_shape
        # With padding "same", sizes are divided by the strides and rounded up.
        return (batch, *(None if side is None else -(-side // self.strides) for side in size), self.filters)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {"filters": self.filters, "strides": self.strides, "squeeze_ratio": self.squeeze_ratio}
        return {**super().get_config(), **own}
