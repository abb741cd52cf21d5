"""Fake quantization layer, which rounds activations to quantization levels."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.fake_quantize import fake_quantize
from tensorsmith.layers._support.floating import floating


@export
class FakeQuantization(keras.layers.Layer):
    """Layer that rounds activations to the levels of a quantized range, for quantization-aware training.

    In training, the range is given by moving averages of the minimum and the maximum of each batch. At inference, it is
    fixed. The first batch initializes the range; before that, inputs are not rounded. Batches that are empty or contain
    non-finite values do not change the range. The gradient is 1 inside the range and 0 outside of it (straight-through
    estimator).

    Formula, with n = 2^num_bits - 1 steps (one less with `narrow_range`), and the range shifted so that 0 is a level:

        step = (high - low) / n,  y = low + step round((clip(x, low, high) - low) / step)

    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", 2018.

    Args:
        num_bits: Number of bits of the quantized integers, between 2 and 16.
        narrow_range: If `True`, the smallest integer is not used, so that the numbers of positive and negative levels
            are equal.
        momentum: Momentum of the moving averages, in [0, 1).
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.
        training: If `True`, update the range with the batch.

    Input shape:
        Arbitrary.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `num_bits` is not an integer between 2 and 16, or `momentum` is not a number in [0, 1).

    Example:
        >>> import keras
        >>> layer = FakeQuantization(num_bits=2)
        >>> print(layer(keras.ops.convert_to_tensor([-1.0, -0.4, 0.4, 2.0]), training=True).numpy())
        [-1. 0. 0. 2.]
    """

    def __init__(self, num_bits: int = 8, narrow_range: bool = False, momentum: float = 0.99, **kwargs: Any):
        check_quantization(num_bits, momentum)
        num_bits, momentum = plain((num_bits, momentum))
        super().__init__(**kwargs)
        self.supports_masking = True
        self.num_bits = num_bits
        self.narrow_range = narrow_range
        self.momentum = momentum

    def build(self, input_shape: Shape | None) -> None:
        """Creates the quantization range, which is empty before training."""
        self.low, self.high = (
            self.add_weight((), "zeros", name=name, trainable=False, autocast=False) for name in ("low", "high")
        )

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Rounds the inputs to the quantization levels."""
        inputs = floating(inputs, self.compute_dtype)
        if training:
            self._follow(ops.stop_gradient(inputs))
        rounded = fake_quantize(inputs, self.low, self.high, self.num_bits, self.narrow_range)
        # An empty range would round all values to 0.
        return ops.where(self._empty(), inputs, rounded)

    def _empty(self) -> Tensor:
        return ops.equal(self.low, self.high)

    def _follow(self, batch: Tensor) -> None:
        """Updates the moving averages of the quantization range with the extremes of a batch."""
        # Batches that are empty or not finite are ignored. An empty range takes the values of the batch.
        sound, empty = ops.logical_and(ops.size(batch) > 0, ops.all(ops.isfinite(batch))), self._empty()
        for end, extreme in ((self.low, ops.min(batch, initial=0)), (self.high, ops.max(batch, initial=0))):
            seen = ops.cast(extreme, end.dtype)
            moved = ops.where(empty, seen, self.momentum * end + (1 - self.momentum) * seen)
            end.assign(ops.where(sound, moved, end))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {"num_bits": self.num_bits, "narrow_range": self.narrow_range, "momentum": self.momentum}
        return {**super().get_config(), **own}


def check_quantization(num_bits: int, momentum: float) -> None:
    """Raises a `ValueError` unless the arguments are valid for quantization."""
    fits = is_integer(num_bits) and 2 <= num_bits <= 16
    check(fits, "num_bits", num_bits, "an integer from 2 to 16")
    fits = is_number(momentum) and 0 <= momentum < 1
    check(fits, "momentum", momentum, "a number in [0, 1)")
