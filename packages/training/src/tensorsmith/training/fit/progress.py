"""The progress of a training run, shown while it runs."""

import time

import keras
import numpy as np
from rich.console import Console

from tensorsmith.core import Progress, ProgressTask
from tensorsmith.core.types import Logs


class ProgressBar(keras.callbacks.Callback):
    """A bar over all epochs with rate and time left, and a line of scores per epoch.

    Where standard error is no terminal the bar is left out and the lines go to the logger `tensorsmith.training`.

    Args:
        console: Where to draw; standard error by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        super().__init__()
        self._progress = Progress("tensorsmith.training", console)
        self._steps = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Opens the bar."""
        epochs, per_epoch = self.params["epochs"], self.params["steps"]
        first = self.params.get("first_epoch", 0)
        self._progress.__enter__()
        if self._progress.draws:
            total = (epochs - first) * per_epoch if per_epoch else None
            self._task = self._progress.start(f"epoch {first}/{epochs}", total, "steps")
        else:
            self._task = ProgressTask()  # the lines of the epochs say it all

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Starts the epoch's clock."""
        self._epoch_start = time.perf_counter()
        self._steps = 0
        self._epoch = f"epoch {epoch + 1}/{self.params['epochs']}"
        self._task.describe(self._epoch)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Moves the bar by the steps since the last return."""
        self._task.advance(batch + 1 - self._steps)
        self._steps = batch + 1
        if logs and "loss" in logs:
            self._task.describe(f"{self._epoch}  loss {logs['loss']:.4f}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Prints the epoch's scores."""
        values = [(name, np.asarray(value)) for name, value in (logs or {}).items()]
        scalars = [(name, value) for name, value in values if value.shape == () and value.dtype.kind == "f"]
        scores = "  ".join(f"{name} {value:.4g}" for name, value in scalars)
        seconds = time.perf_counter() - self._epoch_start
        self._progress.print(f"{self._epoch}  {scores}  {seconds:.1f} s")

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Closes the bar."""
        self.close()

    def close(self) -> None:
        """Takes the bar off the screen, also when training broke off."""
        self._progress.close()
