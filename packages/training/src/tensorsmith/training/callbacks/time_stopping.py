"""Callback that stops training after a time limit."""

import time

import keras

from tensorsmith.core import check, print_text
from tensorsmith.core.types import Logs


class TimeStopping(keras.callbacks.Callback):
    """Stops training after a time limit, either at the end of the current epoch or within the epoch.

    The time is measured from the start of `fit`. A resumed run starts at zero again.

    Args:
        seconds: Time limit in seconds.
        verbose: If 1, print a message when training stops.
        within_epoch: If `True`, training may stop within an epoch. If `False`, training stops at the end of an epoch.

    Raises:
        ValueError: If `seconds` is not a positive number.

    Example:
        >>> import keras, numpy as np
        >>> from tensorsmith.training import Trainer
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> x = np.ones((64, 1))
        >>> stop = TimeStopping(seconds=1e-9, verbose=1)
        >>> history = Trainer(model, "sgd", "mse").fit(x, x, epochs=1000, callbacks=[stop], verbose=False)
        Timed stopping at epoch 1 after training for 0:00:00
    """

    def __init__(self, seconds: float = 86400, verbose: int = 0, *, within_epoch: bool = False) -> None:
        super().__init__()
        check(seconds > 0, "seconds", seconds, "a positive number")
        self.seconds = seconds
        self.verbose = verbose
        self._within_epoch = within_epoch

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts the timer."""
        self._start = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Stops training after the time limit if training may stop within an epoch."""
        if self._within_epoch:
            self._look()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Stops training at the end of the epoch if the time limit has been exceeded."""
        if self._look() and self.verbose:
            passed = time.strftime("%-H:%M:%S", time.gmtime(self.seconds))
            print_text(f"Timed stopping at epoch {epoch + 1} after training for {passed}")

    def _look(self) -> bool:
        over = time.monotonic() - self._start >= self.seconds
        if over:
            self.model.stop_training = True
        return over
