"""Base class for dropout layers that stay active at inference."""

from collections.abc import Mapping
from typing import Any, ClassVar

from tensorsmith.core import SharedDocstrings
from tensorsmith.core.types import Tensor
from tensorsmith.layers._support.floating import floating

BASE: Any = object  # for type checkers: the Keras layer that follows in the bases

ARGUMENTS = """\
rate: Float in [0, 1). Fraction of the input units to drop.
noise_shape: Shape of the binary dropout mask. An entry of `None` is replaced by the size of the inputs along the
    same axis. With an entry of 1, the mask is shared along the axis.
seed: Integer to seed the random generator. If `None`, the seed is derived from the global Keras seed.
**kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`."""
CALL = """\
Call arguments:
    inputs: Input tensor of any rank.
    training: Accepted for compatibility and ignored.

Input shape:
    Arbitrary.

Output shape:
    Same shape as the input.

Raises:
    ValueError: If `rate` is not a number in [0, 1), `seed` is not an integer, or `noise_shape` is not a sequence of
        positive integers and `None`."""


class MonteCarloDropout(SharedDocstrings, BASE):
    """Mixin for dropout layers that apply dropout in every call, also at inference.

    It must precede the Keras layer among the bases.
    """

    shared_texts: ClassVar[Mapping[str, str]] = {"arguments": ARGUMENTS, "call": CALL}

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Applies dropout, regardless of `training`."""
        return super().call(floating(inputs, self.compute_dtype), training=True)
