"""Ending a run that has reached its goal."""

from typing import Literal

import keras

from tensorsmith.core import check, did_you_mean
from tensorsmith.core.types import Logs


class TargetStopping(keras.callbacks.Callback):
    """Ends training after the first epoch whose score reaches a target.

    Args:
        monitor: The score, by its name in the logs.
        target: What it shall reach.
        mode: Whether it shall fall to the target ("min") or rise to it ("max").

    Raises:
        ValueError: `mode` is neither, or the first epoch ends without the score.

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
        """Compares."""
        logs = logs or {}
        known = self._monitor in logs
        check(known, "monitor", self._monitor, f"one of {sorted(logs)}", did_you_mean(self._monitor, logs))
        score = logs[self._monitor]
        if score <= self._target if self._mode == "min" else score >= self._target:
            self.model.stop_training = True
