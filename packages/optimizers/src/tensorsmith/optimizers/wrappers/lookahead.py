"""Lookahead optimizer wrapper."""

from collections.abc import Sequence
from typing import Any

from tensorsmith.core import export
from tensorsmith.core.types import Optimizer
from tensorsmith.optimizers._support.arguments import check_counts, check_fractions
from tensorsmith.optimizers._support.rows import precise, read, write
from tensorsmith.optimizers._support.wrapping import Keeper, do_if


@export
class Lookahead(Keeper):
    """Optimizer wrapper that periodically interpolates between the weights and a slowly updated copy.

    Every `sync_period` updates, the slow weights move towards the weights of the wrapped optimizer, which then
    continues from the slow weights. This reduces oscillations, such as those caused by a large learning rate.

    Formula, with the slow weights s, which are initialized with the weights before the first update, for each update
    whose number is a multiple of `sync_period`:

        s = s + slow_step_size (w - s)
        w = s

    The slow weights of half-precision variables are stored in `float32`. For a table with a sparse gradient, the slow
    weights of all rows are updated.

    Source: Zhang et al., "Lookahead Optimizer: k Steps Forward, 1 Step Back", 2019.

    Args:
        optimizer: Keras optimizer to wrap, or its name, such as `"adam"`.
        sync_period: Number of updates between synchronizations with the slow weights. With gradient accumulation, an
            update takes several steps.
        slow_step_size: Interpolation factor of the slow weights, in [0, 1].
        name: Name of the optimizer.

    Raises:
        ValueError: If `optimizer` cannot be wrapped, or a number is out of range.

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
        check_fractions(slow_step_size=slow_step_size)
        super().__init__(optimizer, name)
        self.sync_period = sync_period
        self.slow_step_size = slow_step_size

    def after(self, variables: Sequence[Any]) -> None:
        """Synchronize the fast and slow weights every `sync_period` updates."""
        do_if(self.updates.value % self.sync_period == 0, lambda: self._pull(variables))

    def _pull(self, variables: Sequence[Any]) -> None:
        for variable, kept in self.pairs(variables):
            dtype = precise(variable.dtype)
            slow = read(kept, None, dtype)
            slow += self.slow_step_size * (read(variable, None, dtype) - slow)
            write(kept, None, slow)
            write(variable, None, slow)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer."""
        own = {"sync_period": self.sync_period, "slow_step_size": self.slow_step_size}
        return {**super().get_config(), **own}
