"""Dropout layer with a rate that can change during training."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.noise_shape import check_noise_shape


@export
class ScheduledDropout(keras.layers.Layer):
    """Dropout layer with a rate that can change during training, for example according to a schedule.

    The rate is a variable, `layer.rate`, which is read in every step, also in compiled functions. The rate of
    `keras.layers.Dropout` is fixed once a step is traced. `Trainer` changes it with `schedules={"dropout": (layer.rate,
    schedule)}`, other training loops with `layer.rate.assign(0.2)`. With a constant rate, the masks and the results are
    those of `keras.layers.Dropout`.

    Formula, with a binary mask m that is drawn in each training step; the output is 0 at a rate of 1:

        y = m x / (1 - rate),  m ~ Bernoulli(1 - rate)

    Source: Srivastava et al., "Dropout", 2014. Increasing rates are from Morerio et al., "Curriculum Dropout", 2017.

    Args:
        rate: Float in [0, 1], the initial fraction of the input units to drop. The current rate is saved and restored
            with the model. Rates outside of [0, 1], which a schedule may assign, are clipped.
        noise_shape: Shape of the binary dropout mask. An entry of `None` is replaced by the size of the inputs along
            the same axis. With an entry of 1, the mask is shared along the axis.
        seed: Integer to seed the random generator. If `None`, the seed is derived from the global Keras seed.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of any rank.
        training: If `True`, apply dropout. Otherwise, return the inputs unchanged.

    Input shape:
        Arbitrary.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `rate` is not a number in [0, 1], `seed` is not an integer, or `noise_shape` is not a sequence of
            positive integers and `None`.

    Example:
        >>> import keras
        >>> layer = ScheduledDropout(0.0, seed=1)
        >>> x = keras.ops.ones((1, 4))
        >>> print(layer(x, training=True).numpy())
        [[1. 1. 1. 1.]]
        >>> rate = layer.rate.assign(1.0)
        >>> print(layer(x, training=True).numpy())
        [[0. 0. 0. 0.]]
    """

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ):
        check(is_number(rate) and 0 <= rate <= 1, "rate", rate, "a number in [0, 1]")
        check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
        check_noise_shape(noise_shape)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.noise_shape = plain(noise_shape and tuple(noise_shape))
        self.seed = plain(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self._rate_at_first = float(rate)
        self.rate = self.add_weight(
            (),
            keras.initializers.Constant(self._rate_at_first),
            "float32",
            trainable=False,
            autocast=False,
            name="rate",
        )

    def build(self, input_shape: Shape) -> None:
        """Does nothing. The rate is created in `__init__`, so that schedules can use it before the layer is built."""

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Applies dropout during training."""
        inputs = floating(inputs, self.compute_dtype)
        if not training:
            return inputs
        # A schedule may assign values outside of [0, 1].
        rate = keras.ops.clip(self.rate, 0.0, 1.0)
        shape = keras.ops.shape(inputs)
        if self.noise_shape is not None:
            shape = [size if own is None else own for size, own in zip(shape, self.noise_shape, strict=True)]
        draws = keras.random.uniform(shape, dtype=inputs.dtype, seed=self.seed_generator)
        kept = draws >= keras.ops.cast(rate, inputs.dtype)
        scale = 1 / keras.ops.where(
            rate < 1, 1 - rate, 1.0
        )  # at a rate of 1, an infinite scale would make the gradient NaN
        return keras.ops.where(kept, inputs * keras.ops.cast(scale, inputs.dtype), 0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {"rate": self._rate_at_first, "noise_shape": self.noise_shape, "seed": self.seed}
        return {**super().get_config(), **own}
