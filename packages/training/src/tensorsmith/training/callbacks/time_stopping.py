"""Ending a run when its time is over."""

import time

import keras

from tensorsmith.core import check
from tensorsmith.core.types import Logs


class TimeStopping(keras.callbacks.Callback):
    """Ends training once some time has passed, after an epoch as in TensorFlow Addons, or within one.

    The clock starts with `fit`, and anew in a run that is resumed.

    Args:
        seconds: How long a run may take.
        verbose: Whether to say so on standard output.
        within_epoch: Whether the last epoch may be cut short.

    Raises:
        ValueError: `seconds` is no positive number.

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
        check(seconds > 0, "seconds", seconds, "a number above 0")
        self.seconds = seconds
        self.verbose = verbose
        self._within_epoch = within_epoch

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts the clock."""
        self._start = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Looks at the clock, if the epoch may be cut short."""
        if self._within_epoch:
            self._look()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Looks at the clock."""
        if self._look() and self.verbose:
            passed = time.strftime("%-H:%M:%S", time.gmtime(self.seconds))
            print(f"Timed stopping at epoch {epoch + 1} after training for {passed}")

    def _look(self) -> bool:
        over = time.monotonic() - self._start >= self.seconds
        if over:
            self.model.stop_training = True
        return over
