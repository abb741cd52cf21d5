"""Piecewise constant schedule."""

from collections.abc import Sequence
from typing import Any

from tensorsmith.core import check, export
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules.join import Join
from tensorsmith.schedules.schedule import Length


@export
class PiecewiseConstant(Join):
    """Schedule with a constant value between consecutive boundaries.

    A boundary is the first step with the next value: with a boundary of 5 epochs, epochs 0 to 4 have the first value.
    `keras.optimizers.schedules.PiecewiseConstantDecay` changes one step later.

    Formula, with the step t, b_0 = 0 and the boundaries b_1, b_2, ...:

        value = values[i]    for the last i with b_i <= t

    Args:
        boundaries: List of the steps at which the value changes, as numbers of steps or strings such as "5 epochs".
        values: List of values, which has one more element than `boundaries`.

    {{call}}

    Raises:
        ValueError: If there are fewer than two values, a value is not a finite number, the number of boundaries is not
            one less than that of the values, a boundary is not a length, or the boundaries in steps are not increasing,
            starting from at least 1.

    Example:
        >>> PiecewiseConstant([5, 15], [0.01, 0.005, 0.001])([0, 4, 5, 14, 15, 100]).numpy()
        array([0.01 , 0.01 , 0.005, 0.005, 0.001, 0.001], dtype=float32)
    """

    def __init__(self, boundaries: Sequence[Length], values: Sequence[float]):
        fits = isinstance(values, list | tuple) and len(values) > 1
        check(fits, "values", values, "a list of at least two numbers")
        self.values = [finite(f"values[{position}]", each) for position, each in enumerate(values)]
        super().__init__(self.values, boundaries)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        config = super().get_config()
        return {"boundaries": config["boundaries"], "values": self.values, "timeline": config["timeline"]}
