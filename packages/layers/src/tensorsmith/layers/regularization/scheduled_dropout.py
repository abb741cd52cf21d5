"""Dropout with a rate that moves."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.noise_shape import check_noise_shape


@export
class ScheduledDropout(keras.layers.Layer):
    """Dropout with a rate that can change while a model trains.

    The rate is a variable, `layer.rate`, that is read in every step: a compiled step follows it, where the rate of
    `keras.layers.Dropout` is fixed once the step is traced. A `Trainer` moves it with
    `schedules={"dropout": (layer.rate, schedule)}`, other loops with `layer.rate.assign(0.2)`. As long as it stays what
    it was, units, draws and numbers are those of `keras.layers.Dropout`.

    Formula, with the keep mask m drawn anew in every call in training, and 0 at a rate of 1:

        y = m x / (1 - rate),  m ~ Bernoulli(1 - rate)

    Source: Srivastava et al., "Dropout", 2014; rates that grow: Morerio et al., "Curriculum Dropout", 2017.

    Args:
        rate: Share of the units to drop at first, in [0, 1]. The variable is saved with the model: loaded, the layer
            has the rate that it had come to. A schedule's value beyond [0, 1] counts as the nearer end.
        noise_shape: Shape of the keep mask, with `None` where it follows the inputs; 1 shares one draw along an axis.
        seed: Integer that fixes the draws; `None` takes one from Keras' global seed.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of any rank.
        training: Whether to drop.

    Input shape:
        Any.

    Output shape:
        The same as the input shape.

    Raises:
        ValueError: `rate` is no number in [0, 1], `seed` is no integer, or `noise_shape` is no sequence of positive
            integers and `None`.

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
        """Has nothing to make; the rate is there before, for schedules to take."""

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Drops units in training."""
        inputs = floating(inputs, self.compute_dtype)
        if not training:
            return inputs
        rate = keras.ops.clip(self.rate, 0.0, 1.0)
        shape = keras.ops.shape(inputs)
        if self.noise_shape is not None:
            shape = [size if own is None else own for size, own in zip(shape, self.noise_shape, strict=True)]
        draws = keras.random.uniform(shape, dtype=inputs.dtype, seed=self.seed_generator)
        kept = draws >= keras.ops.cast(rate, inputs.dtype)
        scale = 1 / keras.ops.where(
            rate < 1, 1 - rate, 1.0
        )  # nothing is kept at 1: a scale without end has no gradient
        return keras.ops.where(kept, inputs * keras.ops.cast(scale, inputs.dtype), 0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {"rate": self._rate_at_first, "noise_shape": self.noise_shape, "seed": self.seed}
        return {**super().get_config(), **own}
