"""Callback that stops training when a score reaches a target."""

from typing import Literal

import keras

from tensorsmith.core import check, did_you_mean
from tensorsmith.core.types import Logs


class TargetStopping(keras.callbacks.Callback):
    """Stops training after the first epoch in which a score reaches a target.

    Args:
        monitor: Name of the monitored score in the logs.
        target: Target value of the score.
        mode: "min" to stop when the score decreases to the target, or "max" to stop when it increases to the target.

    Raises:
        ValueError: If `mode` is invalid, or if the score is not logged in the first epoch.

    Example:
        >>> import keras, numpy as np
        >>> from tensorsmith.training import Trainer
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> x = np.ones((64, 1))
        >>> stop = TargetStopping("loss", 1e-3)
        >>> history = Trainer(model, "sgd", "mse").fit(x, x, epochs=1000, callbacks=[stop], verbose=False).history
        >>> history["loss"][-1] <= 1e-3 < history["loss"][-2]
        True
    """

    def __init__(self, monitor: str, target: float, mode: Literal["min", "max"] = "min") -> None:
        super().__init__()
        check(mode in ("min", "max"), "mode", mode, '"min" or "max"')
        self._monitor = monitor
        self._target = target
        self._mode = mode

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Stops training if the score has reached the target."""
        logs = logs or {}
        known = self._monitor in logs
        check(known, "monitor", self._monitor, f"one of {sorted(logs)}", did_you_mean(self._monitor, logs))
        score = logs[self._monitor]
        if score <= self._target if self._mode == "min" else score >= self._target:
            self.model.stop_training = True
