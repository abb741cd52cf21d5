"""Extension of a finished run by further epochs."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorsmith.core import Verbatim, check

if TYPE_CHECKING:
    import keras


def restart_patience(callbacks: "Iterable[keras.callbacks.Callback]") -> None:
    """Reset the patience of early stopping, which would otherwise stop an extended run after one epoch."""
    import keras

    for callback in callbacks:
        if isinstance(callback, keras.callbacks.EarlyStopping):
            callback.wait = callback.stopped_epoch = 0


def check_schedule(model: "keras.Model", completed: int, epochs: int, steps: int | None) -> None:
    """Raise an error if the schedule of a finished run depends on the number of epochs.

    The learning rates of the finished epochs are compared with those that the schedule has now.

    Args:
        model: Model of the run, restored from its last checkpoint.
        completed: Number of completed epochs.
        epochs: New number of epochs.
        steps: Number of steps per epoch, or `None` if it is unknown.

    Raises:
        ValueError: If a learning rate differs. The message names the schedule.
    """
    import keras

    rates = model.history.history.get("learning_rate", [])
    done = int(keras.ops.convert_to_numpy(model.optimizer.iterations))
    for schedule in _schedules(model.optimizer):
        for epoch, rate in enumerate(rates, completed + 1 - len(rates)):
            # Loss scaling skips steps, so that the step at the end of an epoch is not known exactly.
            last = (steps or done // completed) * epoch
            skipped = max(0, (steps or 0) * completed - done)
            values = [
                float(keras.ops.convert_to_numpy(schedule(step))) for step in range(max(0, last - skipped), last + 1)
            ]
            now = min(values, key=lambda value: abs(value - rate))
            name = type(schedule).__name__
            change = f"the learning rate of {name} after epoch {epoch} is {now:.3g} instead of {rate:.3g}"
            received = Verbatim(f"{epochs}, with which {change}")
            expected = "a number of epochs that does not change the learning rate of the finished epochs"
            remedy = f"start a new run with --epochs {epochs}, because {name} depends on the number of epochs"
            check(bool(np.isclose(now, rate, rtol=1e-3, atol=1e-9)), "--epochs", received, expected, remedy)


def _schedules(optimizer: Any) -> "list[keras.optimizers.schedules.LearningRateSchedule]":
    """Return the schedules of an optimizer and of the optimizers that it wraps."""
    import keras

    found = []
    for value in vars(optimizer).values():
        if isinstance(value, keras.optimizers.schedules.LearningRateSchedule):
            found.append(value)
        elif isinstance(value, keras.optimizers.Optimizer):
            found += _schedules(value)
    return found
