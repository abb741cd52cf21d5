"""What an optimizer keeps of the model's variables."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.optimizers._support.rows import native, precise

Slots = Sequence[keras.Variable]  # what an optimizer keeps of each variable, in the order it was built with


class SlotKeeper(keras.optimizers.Optimizer):
    """An optimizer that keeps something of each variable, in a precise type."""

    def add_slots(self, variables: Sequence[Any], *names: str, initial: float = 0.0, scalar: bool = False) -> list[Any]:
        """One list of the optimizer's variables for each name, with one for each of the model's.

        Args:
            variables: The model's.
            *names: What the new ones are called.
            initial: Their first value.
            scalar: Whether they are single numbers.
        """
        initializer = keras.initializers.Constant(initial)
        lists: list[list[Any]] = [[] for _ in names]
        for variable in variables:
            path = getattr(variable, "path", variable.name).replace("/", "_").replace(":", "_")
            shape = () if scalar else variable.shape
            with tf.distribute.get_strategy().extended.colocate_vars_with(native(variable)):
                for slots, name in zip(lists, names, strict=True):
                    dtype = precise(variable.dtype).name
                    slots.append(self.add_variable(shape, initializer, dtype, name=f"{path}_{name}"))
        return lists
