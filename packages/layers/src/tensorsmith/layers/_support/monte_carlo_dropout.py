"""Base of the dropout layers that stay active in inference."""

from collections.abc import Mapping
from typing import Any, ClassVar

from tensorsmith.core import SharedDocstrings
from tensorsmith.core.types import Tensor
from tensorsmith.layers._support.floating import floating

BASE: Any = object  # in place of the Keras layer that it stands before, whose `call` it calls

ARGUMENTS = """\
rate: Fraction of the units to drop, in [0, 1).
noise_shape: Shape of the keep mask, with `None` where it follows the inputs; 1 shares one draw along an axis.
seed: Integer that fixes the draws; `None` takes one from Keras' global seed.
**kwargs: `name`, `dtype`, `trainable`, as for every Keras layer."""
CALL = """\
Call arguments:
    inputs: Tensor of any rank.
    training: Accepted, and without effect.

Input shape:
    Any.

Output shape:
    The same as the input shape.

Raises:
    ValueError: `rate` is no number in [0, 1), `seed` is no integer, or `noise_shape` is no sequence of positive
        integers and `None`."""


class MonteCarloDropout(SharedDocstrings, BASE):
    """Mixin, put before Keras' layer: units are dropped in every call."""

    shared_texts: ClassVar[Mapping[str, str]] = {"arguments": ARGUMENTS, "call": CALL}

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Drop units, whatever `training` says."""
        return super().call(floating(inputs, self.compute_dtype), training=True)
