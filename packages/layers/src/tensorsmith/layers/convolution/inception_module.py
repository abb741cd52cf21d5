"""Inception module of GoogLeNet as a layer."""

import itertools
from collections.abc import Mapping
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Activation, Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.convolutional_block import (
    ConvolutionalBlock,
    build_in_turn,
    call_in_turn,
    check_images,
)
from tensorsmith.layers._support.floating import floating


@export
class InceptionModule(ConvolutionalBlock):
    """Inception module: four convolutional branches at several scales, concatenated along the channels.

    Formula, with an activation after each convolution, and strides of 1:

        y = [conv1x1(x), conv3x3(conv1x1(x)), conv5x5(conv1x1(x)), conv1x1(max3x3(x))]

    The numbers of filters are in the order of the table in the paper. The first module of GoogLeNet is
    `InceptionModule(64, 96, 128, 16, 32, 32)`.

    Source: Szegedy et al., "Going Deeper with Convolutions", 2015; with batch normalization: Ioffe and Szegedy, "Batch
    Normalization", 2015.

    Args:
        filters_1x1: Number of filters in the first branch, a 1 x 1 convolution.
        filters_3x3_reduce: Number of filters of the 1 x 1 convolution in the second branch.
        filters_3x3: Number of filters of the 3 x 3 convolution in the second branch.
        filters_5x5_reduce: Number of filters of the 1 x 1 convolution in the third branch.
        filters_5x5: Number of filters of the 5 x 5 convolution in the third branch.
        filters_pool: Number of filters of the 1 x 1 convolution after the max pooling.
        activation: Activation function to use. If `None`, no activation is applied.
        normalization: Normalization between a convolution and its activation: `"batch"` for batch normalization, a
            Keras layer that is copied for each convolution, or `None`. Without normalization, the convolutions use
            biases.
        {{kernel_arguments}}

    {{call}}

    Output shape:
        `(batch, height, width, filters_1x1 + filters_3x3 + filters_5x5 + filters_pool)`.

    Raises:
        ValueError: If a number of filters is not a positive integer, `normalization` is invalid, or the inputs are not
            images with a known number of channels.

    Example:
        >>> import keras
        >>> InceptionModule(64, 96, 128, 16, 32, 32)(keras.ops.zeros((1, 28, 28, 192))).shape
        TensorShape([1, 28, 28, 256])
    """

    def __init__(
        self,
        filters_1x1: int,
        filters_3x3_reduce: int,
        filters_3x3: int,
        filters_5x5_reduce: int,
        filters_5x5: int,
        filters_pool: int,
        activation: Activation = "relu",
        normalization: str | keras.Layer | Mapping[str, Any] | None = None,
        kernel_initializer: Initializer = "he_normal",
        kernel_regularizer: Regularizer | None = None,
        **kwargs: Any,
    ):
        filters = {
            "filters_1x1": filters_1x1,
            "filters_3x3_reduce": filters_3x3_reduce,
            "filters_3x3": filters_3x3,
            "filters_5x5_reduce": filters_5x5_reduce,
            "filters_5x5": filters_5x5,
            "filters_pool": filters_pool,
        }
        for name, number in filters.items():
            check(is_integer(number) and number > 0, name, number, "a positive integer")
        super().__init__(activation, normalization, kernel_initializer, kernel_regularizer, **kwargs)
        self.filters = {name: plain(number) for name, number in filters.items()}

    def build(self, input_shape: Shape) -> None:
        """Creates the branches."""
        check_images(input_shape)
        of_1x1, reduce_3x3, of_3x3, reduce_5x5, of_5x5, of_pool = self.filters.values()
        pool = keras.layers.MaxPooling2D(3, 1, "same", "channels_last", dtype=self.dtype_policy)
        branches = [
            self.convolution(of_1x1, 1),
            [*self.convolution(reduce_3x3, 1), *self.convolution(of_3x3, 3)],
            [*self.convolution(reduce_5x5, 1), *self.convolution(of_5x5, 5)],
            [pool, *self.convolution(of_pool, 1)],
        ]
        for branch in branches:
            build_in_turn(branch, input_shape)
        # A flat list, because Keras 3.12 does not save layers in nested lists.
        self.parts = [layer for branch in branches for layer in branch]
        self.sizes = tuple(map(len, branches))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Computes and concatenates the outputs of the branches."""
        inputs = floating(inputs, self.compute_dtype)
        parts = iter(self.parts)
        branches = [list(itertools.islice(parts, size)) for size in self.sizes]
        return keras.ops.concatenate([call_in_turn(branch, inputs, training) for branch in branches], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape: the input shape with the total number of channels of all branches."""
        filters = self.filters
        return (
            *input_shape[:-1],
            filters["filters_1x1"] + filters["filters_3x3"] + filters["filters_5x5"] + filters["filters_pool"],
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), **self.filters}
