"""Lookahead."""

from collections.abc import Sequence
from typing import Any

from tensorsmith.core import export
from tensorsmith.core.types import Optimizer
from tensorsmith.optimizers._support.arguments import check_counts, check_shares
from tensorsmith.optimizers._support.rows import precise, read, write
from tensorsmith.optimizers._support.wrapping import Keeper, do_if


@export
class Lookahead(Keeper):
    """Lets an optimizer run ahead for some steps, then goes part of the way that it has taken.

    The weights are pulled back to where they were `sync_period` updates before. So an optimizer that runs to and fro,
    as one with a large learning rate does, gets along all the same.

    Formula, with s the slow weights, which begin as the weights are before the first update, in every update whose
    number is a multiple of `sync_period`:

        s = s + slow_step_size (w - s)
        w = s

    Slow weights of half precision are kept in float32. Those of a table whose gradient is sparse are slow as a whole.

    Source: Zhang et al., "Lookahead Optimizer: k Steps Forward, 1 Step Back", 2019.

    Args:
        optimizer: The optimizer that runs ahead, or the name of one.
        sync_period: Updates between two steps of the slow weights; with accumulated gradients it takes several steps
            to make one.
        slow_step_size: Share of the way that the slow weights go.
        name: Name of the optimizer.

    Raises:
        ValueError: `optimizer` is none that this can stand around, or a number is out of its range.

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = Lookahead(keras.optimizers.SGD(0.1), sync_period=2)
        >>> for _ in range(2):
        ...     optimizer.apply([keras.ops.array([1.0, -1.0])], [variable])
        >>> print(variable.numpy().round(4))
        [0.9 2.1]
    """

    slot = "slow"

    def __init__(
        self, optimizer: Optimizer, sync_period: int = 6, slow_step_size: float = 0.5, name: str = "Lookahead"
    ):
        check_counts(1, sync_period=sync_period)
        check_shares(slow_step_size=slow_step_size)
        super().__init__(optimizer, name)
        self.sync_period = sync_period
        self.slow_step_size = slow_step_size

    def after(self, variables: Sequence[Any]) -> None:
        """Pulls the weights back, if it is time."""
        do_if(self._iterations.value % self.sync_period == 0, lambda: self._pull(variables))

    def _pull(self, variables: Sequence[Any]) -> None:
        for variable, kept in self.pairs(variables):
            dtype = precise(variable.dtype)
            slow = read(kept, None, dtype)
            slow += self.slow_step_size * (read(variable, None, dtype) - slow)
            write(kept, None, slow)
            write(variable, None, slow)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {"sync_period": self.sync_period, "slow_step_size": self.slow_step_size}
        return {**super().get_config(), **own}
