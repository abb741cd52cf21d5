"""Base class for optimizers that maintain averaged weights."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.keras_internals import built_variables, variable_key
from tensorsmith.optimizers._support.rows import precise, read, write
from tensorsmith.optimizers._support.wrapping import Keeper


class Averaging(Keeper):
    """Base class for optimizer wrappers that maintain an average of each variable, updated by subclasses."""

    slot = "average"

    def take_in(self, variables: Sequence[Any], weight: tf.Tensor) -> None:
        """Move the averages toward the current values of the variables by the fraction `weight` of the difference."""
        for variable, average in self.pairs(variables):
            dtype = precise(variable.dtype)
            # The form kept + weight (w - kept) leaves equal values exactly unchanged.
            kept = read(average, None, dtype)
            write(average, None, kept + tf.cast(weight, dtype) * (read(variable, None, dtype) - kept))

    def assign_average_vars(self, var_list: Sequence[Any]) -> None:
        """Assign the averages to variables. Variables without an average, such as moving statistics, are skipped.

        Args:
            var_list: List of variables, such as `model.variables`.

        Raises:
            ValueError: If none of the variables has an average.
        """
        for variable, average in self._known(var_list):
            write(variable, None, read(average, None, precise(variable.dtype)))

    def shadow_copy(self, model_weights: Sequence[Any]) -> None:
        """Initialize the averages with the current weights before the first update."""
        self.build(model_weights)
        self.begin(model_weights)

    @property
    def has_shadow_copy(self) -> bool:
        """`True` if the averages have been created."""
        return bool(self.built)

    def swap_weights(self) -> None:
        """Swap the weights and their averages, for example for an evaluation. A second call restores the weights.

        In half precision, the weights are restored exactly because the averages in `float32` hold them, but the
        averages are rounded.
        """
        received = Verbatim("an optimizer without averages")
        check(
            self.has_shadow_copy,
            "optimizer",
            received,
            "have averages of the weights",
            "train the model first, or call `shadow_copy`",
        )
        for variable, average in self.pairs(built_variables(self)):
            dtype = precise(variable.dtype)
            # Both values are read before either variable is written.
            weights, kept = read(variable, None, dtype), read(average, None, dtype)
            write(variable, None, kept)
            write(average, None, weights)

    def _known(self, variables: Sequence[Any]) -> list[tuple[Any, Any]]:
        keys = {variable_key(self, variable) for variable in built_variables(self)}  # none before `build`
        known = [variable for variable in variables if variable_key(self, variable) in keys]
        received = Verbatim(f"{len(variables)} variables without averages")
        check(
            bool(known), "var_list", received, "contain at least one of the variables that the optimizer was built with"
        )
        return self.pairs(known)
