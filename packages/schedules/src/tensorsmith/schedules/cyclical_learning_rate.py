"""Cyclical learning rate with a custom scaling function."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from tensorsmith.core import Verbatim, check, export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.cycles import Cycles
from tensorsmith.schedules.schedule import Length


@export
class CyclicalLearningRate(Cycles):
    """Cyclical learning rate whose amplitude is scaled by a custom function.

    Arguments and values are those of TensorFlow Addons. In addition, `step_size` accepts a length in any unit,
    `scale_fn` receives a float in both modes (in TensorFlow Addons it receives the step unchanged, which is an integer
    in an optimizer), and a `scale_fn` that is registered with Keras is saved. Learning rates and sizes are numbers, not
    tensors.

    Formula, with the step t, c = floor(1 + t / (2 * step_size)) and x = |t / step_size - 2 * c + 1|:

        value = initial + (maximal - initial) * max(0, 1 - x) * scale_fn(c or t)

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.

    Args:
        initial_learning_rate: Float, the learning rate at the start and end of each cycle.
        maximal_learning_rate: Float, the learning rate at the center of a cycle if `scale_fn` returns 1.
        step_size: Half the length of a cycle, as a number of steps or a string such as "2 epochs".
        scale_fn: Function that takes a `float32` tensor and returns the factor by which the amplitude is multiplied.
            The tensor is the cycle number, starting from 1, or the step, depending on `scale_mode`.
        scale_mode: Argument of `scale_fn`: `"cycle"` for the cycle number or `"iterations"` for the step.
        name: Name of the schedule. It is only used in the config of the schedule.

    {{call}}

    Raises:
        ValueError: If a learning rate is not a finite number, `step_size` is not a length of at least one step,
            `scale_fn` is not callable, or `scale_mode` is unknown. When the schedule is saved: if `scale_fn` is not
            registered.

    Example:
        >>> @keras.saving.register_keras_serializable("mine")
        ... def lower_each_time(cycle):
        ...     return 1 / cycle
        >>> rate = CyclicalLearningRate(0.1, 0.5, step_size=10, scale_fn=lower_each_time)
        >>> rate([0, 5, 10, 20, 30]).numpy()
        array([0.1, 0.3, 0.5, 0.1, 0.3], dtype=float32)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        maximal_learning_rate: float,
        step_size: Length,
        scale_fn: Callable[[Any], Any],
        scale_mode: str = "cycle",
        name: str = "CyclicalLearningRate",
    ):
        scale_fn = keras.saving.deserialize_keras_object(scale_fn) if isinstance(scale_fn, dict) else scale_fn
        check(callable(scale_fn), "scale_fn", scale_fn, "a function that takes one number")
        self.scale_fn = scale_fn
        super().__init__(initial_learning_rate, maximal_learning_rate, step_size, scale_mode, name)

    def scale(self, position: Tensor) -> Tensor:
        """Return the value of the custom scaling function."""
        return ops.cast(self.scale_fn(ops.cast(position, "float32")), "float64")

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        known = self.scale_fn if hasattr(self.scale_fn, "__name__") else type(self.scale_fn)
        check(
            keras.saving.get_registered_object(keras.saving.get_registered_name(known)) is not None,
            "scale_fn",
            Verbatim(f"{known.__name__}, which is not registered"),
            "a serializable function",
            "decorate the function with `@keras.saving.register_keras_serializable()`",
        )
        return {**super().get_config(), "scale_fn": keras.saving.serialize_keras_object(self.scale_fn)}
