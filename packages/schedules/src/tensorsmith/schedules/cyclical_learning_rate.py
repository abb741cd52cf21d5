"""Cycles whose heights a user's function scales."""

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
    """Up and down between two learning rates, with a height that a function changes from cycle to cycle.

    Arguments and numbers are TensorFlow Addons'. Besides, `step_size` takes a length in any unit, `scale_fn` gets a
    float in either mode, where Addons' gets a step as it comes, of an optimizer an integer, and a `scale_fn` that is
    registered with Keras is saved. Rates and sizes are numbers, not tensors.

    Formula, with t the step, c = floor(1 + t / (2 * step_size)) and x = |t / step_size - 2 * c + 1|:

        value = initial + (maximal - initial) * max(0, 1 - x) * scale_fn(c or t)

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.

    Args:
        initial_learning_rate: Value at the ends of each cycle.
        maximal_learning_rate: Value in the middle of a cycle that is not scaled.
        step_size: Half of a cycle: a number of steps, or a text such as "2 epochs".
        scale_fn: What to multiply the height by: a function of the number of the cycle, which begins with 1, or of the
            step; both are float32.
        scale_mode: What `scale_fn` gets, "cycle" or, for the step, "iterations".
        name: Name of the schedule; it has no effect.

    {{call}}

    Raises:
        ValueError: A rate is no finite number, `step_size` is no length of at least one step, `scale_fn` is no
            function, or there is no such mode; when it is saved, `scale_fn` is not registered.

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
        check(callable(scale_fn), "scale_fn", scale_fn, "a function of a number")
        self.scale_fn = scale_fn
        super().__init__(initial_learning_rate, maximal_learning_rate, step_size, scale_mode, name)

    def scale(self, place: Tensor) -> Tensor:
        """What the function says."""
        return ops.cast(self.scale_fn(ops.cast(place, "float32")), "float64")

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        known = self.scale_fn if hasattr(self.scale_fn, "__name__") else type(self.scale_fn)
        check(
            keras.saving.get_registered_object(keras.saving.get_registered_name(known)) is not None,
            "scale_fn",
            Verbatim(f"{known.__name__}, which Keras does not know"),
            "a function that can be saved",
            "put @keras.saving.register_keras_serializable() on it",
        )
        return {**super().get_config(), "scale_fn": keras.saving.serialize_keras_object(self.scale_fn)}
