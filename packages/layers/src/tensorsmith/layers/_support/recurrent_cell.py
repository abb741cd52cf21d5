"""Base of the cells of recurrent layers on compiled kernels."""

from collections.abc import Mapping
from typing import ClassVar

from tensorsmith.core import SharedDocstrings

DROPOUT = """\
dropout: Fraction of the inputs to drop, in [0, 1).
recurrent_dropout: Fraction of h to drop before the recurrent product, in [0, 1).
**kwargs: `seed`, an integer that fixes the dropout, and `name`, `dtype`, `trainable`."""
CALL = """\
Call arguments:
    inputs: Tensor (batch, features) of floating type.
    states: The states before the step, each (batch, units).
    training: If `True`, there is dropout.

Input shape:
    `(batch, features)`, and `(batch, units)` for each state.

Output shape:
    h `(batch, units)`, and the states after the step."""


class RecurrentCell(SharedDocstrings):
    """Mixin, put before Keras' cell: text of the docstrings."""

    shared_texts: ClassVar[Mapping[str, str]] = {"dropout": DROPOUT, "call": CALL}
