"""Callback that calls a function at regular intervals of steps, epochs or seconds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from tensorsmith.core import Duration, Timeline, check
from tensorsmith.core.types import Logs
from tensorsmith.training.fit.recurring import Recurring


@dataclass(frozen=True)
class Moment:
    """Progress of a training run when an action is called.

    Attributes:
        model: Model that is being trained.
        epoch: Number of completed epochs.
        step: Number of steps since the start of the run.
        logs: Current losses, metrics and hyperparameters.
    """

    model: keras.Model
    epoch: int
    step: int
    logs: dict[str, Any]


class Every(keras.callbacks.Callback):
    """Calls a function at regular intervals during training.

    With the `Trainer`, the function is called exactly after the step at which it is due, and the steps in between
    remain in one compiled loop. The callback also works with Keras `fit`.

    Args:
        every: Interval between calls, such as "500 steps", "2 epochs", "10%" or "30 seconds".
        action: Function that takes a `Moment`, which describes the progress of training.

    Raises:
        ValueError: If `every` is not a positive duration, or if its unit requires a length of the run that is unknown.

    Example:
        >>> import keras, numpy as np
        >>> from tensorsmith.training import Trainer
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> say = Every("4 steps", lambda moment: print("step", moment.step, sorted(moment.logs)))
        >>> x = np.zeros((320, 1))
        >>> history = Trainer(model, "sgd", "mse").fit(x, x, callbacks=[say], verbose=False)
        step 4 ['learning_rate', 'loss']
        step 8 ['learning_rate', 'loss']
    """

    def __init__(self, every: str | int | Duration, action: Callable[[Moment], Any]) -> None:
        super().__init__()
        self._every = Duration.parse(every, "every")
        check(self._every.value > 0, "every", every, "a positive duration")
        self._action = action
        self._steps_before = 0
        self._step = 0
        self._epoch = 0
        self._last = -1

    def steps_left(self) -> int:
        """Returns the number of steps until the next call of the action."""
        return self._recurring.steps_left(self._step)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Converts the interval to a number of steps, if the epoch length and the batch size are known."""
        steps, epochs = self.params.get("steps"), self.params["epochs"]
        timeline = Timeline(steps, self.params.get("batch_size"), steps and steps * epochs)
        self._recurring = Recurring(self._every, timeline, "every")
        self._steps_before = self._step = self._epoch = 0
        self._last = -1

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Calls the action if it is due within an epoch. At the end of an epoch, `on_epoch_end` calls it."""
        self._step = self._steps_before + batch + 1
        if batch + 1 != self.params.get("steps") and self._recurring.due_after(self._step):
            self._act(logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Calls the action if it is due at the end of an epoch."""
        self._steps_before, self._epoch = self._step, epoch + 1
        if self._last != self._step and self._recurring.due_after_epoch(self._epoch, self._step):
            self._act(logs)

    def _act(self, logs: Logs | None) -> None:
        self._recurring.done()
        self._last = self._step
        self._action(Moment(self.model, self._epoch, self._step, logs or {}))
