"""Base class for recurrent cells with compiled kernels."""

from collections.abc import Mapping
from typing import ClassVar

from tensorsmith.core import SharedDocstrings

DROPOUT = """\
dropout: Float in [0, 1). Fraction of the units to drop for the linear transformation of the inputs.
recurrent_dropout: Float in [0, 1). Fraction of the units to drop for the linear transformation of the state h.
**kwargs: `seed`, an integer to seed the dropout, and base layer keyword arguments, such as `name` and `dtype`."""
CALL = """\
Call arguments:
    inputs: Floating-point tensor of shape `(batch, features)`.
    states: List of the previous states, each of shape `(batch, units)`.
    training: If `True`, apply dropout.

Input shape:
    `(batch, features)`, and `(batch, units)` for each state.

Output shape:
    The output h, `(batch, units)`, and a list with the new states."""


class RecurrentCell(SharedDocstrings):
    """Mixin that provides docstring paragraphs shared by the recurrent cells.

    It must precede the Keras cell among the bases.
    """

    shared_texts: ClassVar[Mapping[str, str]] = {"dropout": DROPOUT, "call": CALL}
