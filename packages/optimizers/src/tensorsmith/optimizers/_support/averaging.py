"""Averages of weights over training, beside an optimizer."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.optimizers._support.rows import precise, read, write
from tensorsmith.optimizers._support.wrapping import Keeper


class Averaging(Keeper):
    """A wrapper that keeps an average of each variable; a subclass says when how much of the weights is taken in."""

    slot = "average"

    def take_in(self, variables: Sequence[Any], weight: tf.Tensor) -> None:
        """Moves averages towards their variables by the weight."""
        for variable, average in self.pairs(variables):
            dtype = precise(variable.dtype)
            kept = read(average, None, dtype)
            write(average, None, kept + tf.cast(weight, dtype) * (read(variable, None, dtype) - kept))

    def assign_average_vars(self, var_list: Sequence[Any]) -> None:
        """Gives variables their averages; those without one, such as statistics of batch normalization, stay.

        Args:
            var_list: The variables, such as `model.variables`.

        Raises:
            ValueError: None of them has an average.
        """
        for variable, average in self._known(var_list):
            write(variable, None, read(average, None, precise(variable.dtype)))

    def shadow_copy(self, model_weights: Sequence[Any]) -> None:
        """Makes averages of these weights as they are now, before any update does."""
        self.build(model_weights)
        self.begin(model_weights)

    @property
    def has_shadow_copy(self) -> bool:
        """Whether there are averages."""
        return bool(self.built)

    def swap_weights(self) -> None:
        """Swaps weights and averages, for an evaluation; a second time puts both back.

        In half precision the weights come back, for averages of float32 hold them, while averages come back rounded.
        """
        received = Verbatim("an optimizer without averages")
        check(self.has_shadow_copy, "optimizer", received, "one with", "train first, or call shadow_copy")
        for variable, average in self.pairs(self._trainable_variables):
            dtype = precise(variable.dtype)
            weights, kept = read(variable, None, dtype), read(average, None, dtype)
            write(variable, None, kept)
            write(average, None, weights)

    def _known(self, variables: Sequence[Any]) -> list[tuple[Any, Any]]:
        known = [v for v in variables if self._var_key(v) in self._trainable_variables_indices] if self.built else []
        received = Verbatim(f"{len(variables)} variables, none with an average")
        check(bool(known), "var_list", received, "variables that this optimizer was built with")
        return self.pairs(known)
