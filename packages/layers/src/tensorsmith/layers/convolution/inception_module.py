"""The inception module of GoogLeNet."""

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
    check_pictures,
)
from tensorsmith.layers._support.floating import floating


@export
class InceptionModule(ConvolutionalBlock):
    """Looks at pictures at several scales at once: four branches, whose channels come one after the other.

    Formula, with an activation after each convolution, and strides of 1 everywhere:

        y = [conv1x1(x), conv3x3(conv1x1(x)), conv5x5(conv1x1(x)), conv1x1(max3x3(x))]

    The six numbers come in the order of the paper's table; the first module of GoogLeNet is
    `InceptionModule(64, 96, 128, 16, 32, 32)`.

    Source: Szegedy et al., "Going Deeper with Convolutions", 2015; with batch normalization: Ioffe and Szegedy, "Batch
    Normalization", 2015.

    Args:
        filters_1x1: Filters of the first branch.
        filters_3x3_reduce: Filters that the second branch begins with.
        filters_3x3: Filters of the second branch.
        filters_5x5_reduce: Filters that the third branch begins with.
        filters_5x5: Filters of the third branch.
        filters_pool: Filters of the branch behind the maximum.
        activation: The activation.
        normalization: What comes between a convolution and its activation: "batch" for batch normalization; a Keras
            layer, of which each convolution gets a copy; or None, and the convolutions have biases.
        {{kernel_arguments}}

    {{call}}

    Output shape:
        `(batch, height, width, filters_1x1 + filters_3x3 + filters_5x5 + filters_pool)`.

    Raises:
        ValueError: A number of filters is no positive integer, `normalization` is something else, or the inputs are no
            pictures with known channels.

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
        """Makes the branches."""
        check_pictures(input_shape)
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
        # A flat list, as Keras 3.12 does not save layers in lists of lists.
        self.parts = [layer for branch in branches for layer in branch]
        self.sizes = tuple(map(len, branches))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Puts the branches' channels one after the other."""
        inputs = floating(inputs, self.compute_dtype)
        parts = iter(self.parts)
        branches = [list(itertools.islice(parts, size)) for size in self.sizes]
        return keras.ops.concatenate([call_in_turn(branch, inputs, training) for branch in branches], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """All channels."""
        filters = self.filters
        return (
            *input_shape[:-1],
            filters["filters_1x1"] + filters["filters_3x3"] + filters["filters_5x5"] + filters["filters_pool"],
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), **self.filters}
