"""Callback that calls a function after epochs with a new best score."""

import math
from collections.abc import Callable
from typing import Any, Literal

import keras

from tensorsmith.core import check, did_you_mean
from tensorsmith.core.types import Logs
from tensorsmith.training.callbacks.every import Moment


class AtBest(keras.callbacks.Callback):
    """Calls a function after each epoch with a new best score.

    Args:
        monitor: Name of the monitored score in the logs.
        action: Function that takes a `Moment`, which describes the progress of training. It is called after each epoch
            that improves the best score.
        mode: "min" if smaller scores are better, or "max" if larger scores are better.

    Raises:
        ValueError: If `mode` is invalid, or if the score is not logged in the first epoch.

    Example:
        >>> import keras, numpy as np
        >>> from tensorsmith.training import Trainer
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> best = []
        >>> keep = AtBest("loss", lambda moment: best.append(moment.model.get_weights()))
        >>> x = np.ones((64, 1))
        >>> history = Trainer(model, "sgd", "mse").fit(x, x, epochs=3, callbacks=[keep], verbose=False)
        >>> len(best)
        3
    """

    def __init__(self, monitor: str, action: Callable[[Moment], Any], mode: Literal["min", "max"] = "min") -> None:
        super().__init__()
        check(mode in ("min", "max"), "mode", mode, '"min" or "max"')
        self._monitor = monitor
        self._action = action
        self._mode = mode
        self._best = math.inf
        self._step = 0
        self._steps_before = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Resets the best score at the start of a run."""
        self._best = math.inf
        self._step = self._steps_before = 0

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Counts the completed steps."""
        self._step = self._steps_before + batch + 1

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Calls the action if the score of the epoch is the best so far."""
        self._steps_before = self._step
        logs = logs or {}
        known = self._monitor in logs
        check(known, "monitor", self._monitor, f"one of {sorted(logs)}", did_you_mean(self._monitor, logs))
        loss = logs[self._monitor] if self._mode == "min" else -logs[self._monitor]
        if loss < self._best:
            self._best = loss
            self._action(Moment(self.model, epoch + 1, self._step, logs))
