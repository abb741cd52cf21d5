"""Steps up or down."""

from collections.abc import Sequence
from typing import Any

from tensorsmith.core import check, export
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules.join import Join
from tensorsmith.schedules.schedule import Length


@export
class PiecewiseConstant(Join):
    """One value after the other, each constant.

    The step of a boundary is the first with the next value: with a boundary of 5 epochs, epochs 0 to 4 have the first.
    `keras.optimizers.schedules.PiecewiseConstantDecay` changes one step later.

    Formula, with t the step, b_0 = 0 and b_1, b_2, ... the boundaries:

        value = values[i]    for the last i with b_i <= t

    Args:
        boundaries: Where each value but the first begins: numbers of steps, or texts such as "5 epochs".
        values: One value more than there are boundaries.

    {{call}}

    Raises:
        ValueError: There are fewer than two values, one is no finite number, there is not one boundary fewer than
            values, one is no length, or in steps they do not increase from one on.

    Example:
        >>> PiecewiseConstant([5, 15], [0.01, 0.005, 0.001])([0, 4, 5, 14, 15, 100]).numpy()
        array([0.01 , 0.01 , 0.005, 0.005, 0.001, 0.001], dtype=float32)
    """

    def __init__(self, boundaries: Sequence[Length], values: Sequence[float]):
        fits = isinstance(values, list | tuple) and len(values) > 1
        check(fits, "values", values, "a list of two or more numbers")
        self.values = [finite(f"values[{place}]", each) for place, each in enumerate(values)]
        super().__init__(self.values, boundaries)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        config = super().get_config()
        return {"boundaries": config["boundaries"], "values": self.values, "timeline": config["timeline"]}
