"""Extension of a finished run by further epochs."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tensorsmith.core import Verbatim, check

if TYPE_CHECKING:
    import keras


def check_schedule(model: "keras.Model", epochs: int) -> None:
    """Raise an error if the learning rate of a finished run would not continue at its last value.

    This is the case if the length of a schedule depends on the number of epochs.

    Args:
        model: Model of the run, restored from its last checkpoint.
        epochs: New number of epochs.

    Raises:
        ValueError: If the learning rate changes. The message names the schedule.
    """
    import keras

    optimizer: Any = model.optimizer
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = optimizer.inner_optimizer
    rates = model.history.history.get("learning_rate", [])
    schedules = [
        value
        for value in vars(optimizer).values()
        if isinstance(value, keras.optimizers.schedules.LearningRateSchedule)
    ]
    if not rates or not schedules:
        return
    rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
    name = type(schedules[0]).__name__
    received = Verbatim(f"{epochs}, with which the schedule {name} continues at {rate:.3g} instead of {rates[-1]:.3g}")
    expected = "a number of epochs that does not change the learning rate of the finished epochs"
    remedy = f"start a new run with --epochs {epochs}, because the length of {name} depends on the number of epochs"
    check(bool(np.isclose(rate, rates[-1], rtol=1e-3, atol=1e-9)), "--epochs", received, expected, remedy)
