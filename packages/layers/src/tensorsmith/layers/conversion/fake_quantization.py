"""Activations of few bits, for training."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.fake_quantize import fake_quantize
from tensorsmith.layers._support.floating import floating


@export
class FakeQuantization(keras.layers.Layer):
    """Rounds activations to the levels that they will have as integers, so that training gets used to it.

    In training, moving averages of the smallest and the largest value of each batch are the range; in inference the
    range stays as it is. It begins with that of the first batch; before, nothing is rounded. Batches that are empty, or
    have numbers that are not finite, leave the range as it is. Gradients pass straight through within the range, and
    are 0 beyond.

    Formula, with n = 2^num_bits - 1 steps, one less in a narrow range, and the range moved so that 0 is a level:

        step = (high - low) / n,  y = low + step round((clip(x, low, high) - low) / step)

    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", 2018.

    Args:
        num_bits: Bits of the integers, 2 to 16.
        narrow_range: Whether the smallest integer is left out, so that there are as many below 0 as above.
        momentum: What the moving averages keep of themselves at each batch, in [0, 1).
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.
        training: Whether to take the batch into the range.

    Input shape:
        Any.

    Output shape:
        The same as the input shape.

    Raises:
        ValueError: `num_bits` is no integer of 2 to 16, or `momentum` is no number in [0, 1).

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
        """Makes the range, empty until training."""
        self.low, self.high = (
            self.add_weight((), "zeros", name=name, trainable=False, autocast=False) for name in ("low", "high")
        )

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Rounds."""
        inputs = floating(inputs, self.compute_dtype)
        if training:
            self._follow(ops.stop_gradient(inputs))
        rounded = fake_quantize(inputs, self.low, self.high, self.num_bits, self.narrow_range)
        return ops.where(self._empty(), inputs, rounded)

    def _empty(self) -> Tensor:
        return ops.equal(self.low, self.high)

    def _follow(self, batch: Tensor) -> None:
        """Takes a batch into the range."""
        sound, empty = ops.logical_and(ops.size(batch) > 0, ops.all(ops.isfinite(batch))), self._empty()
        for end, extreme in ((self.low, ops.min(batch, initial=0)), (self.high, ops.max(batch, initial=0))):
            seen = ops.cast(extreme, end.dtype)
            moved = ops.where(empty, seen, self.momentum * end + (1 - self.momentum) * seen)
            end.assign(ops.where(sound, moved, end))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {"num_bits": self.num_bits, "narrow_range": self.narrow_range, "momentum": self.momentum}
        return {**super().get_config(), **own}


def check_quantization(num_bits: int, momentum: float) -> None:
    """Raises ValueError unless activations can be quantized so."""
    fits = is_integer(num_bits) and 2 <= num_bits <= 16
    check(fits, "num_bits", num_bits, "an integer of 2 to 16")
    fits = is_number(momentum) and 0 <= momentum < 1
    check(fits, "momentum", momentum, "a number in [0, 1)")
