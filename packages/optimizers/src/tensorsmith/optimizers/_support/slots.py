"""State variables of the optimizers."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.optimizers._support.rows import native, precise

Slots = Sequence[keras.Variable]  # one state variable per model variable, in the order of `build`


class SlotKeeper(keras.optimizers.Optimizer):
    """Base class for optimizers with state variables for each model variable, in `float32` or `float64`."""

    def add_slots(self, variables: Sequence[Any], *names: str, initial: float = 0.0, scalar: bool = False) -> list[Any]:
        """Create state variables. Return one list per name, with one state variable per model variable.

        Args:
            variables: Model variables for which state variables are created.
            *names: Names of the state variables.
            initial: Initial value of the state variables.
            scalar: If `True`, create scalars instead of variables with the shapes of the model variables.
        """
        initializer = keras.initializers.Constant(initial)
        lists: list[list[Any]] = [[] for _ in names]
        for variable in variables:
            # Keras does not allow slashes in the names of variables.
            path = getattr(variable, "path", variable.name).replace("/", "_").replace(":", "_")
            shape = () if scalar else variable.shape
            # State variables are placed on the device of their model variable.
            with tf.distribute.get_strategy().extended.colocate_vars_with(native(variable)):
                for slots, name in zip(lists, names, strict=True):
                    dtype = precise(variable.dtype).name
                    slots.append(self.add_variable(shape, initializer, dtype, name=f"{path}_{name}"))
        return lists
