"""Progress bar of a training run."""

import logging
import sys
import time

import keras
import numpy as np
from rich.console import Console

from tensorsmith.core import Progress, ProgressTask
from tensorsmith.core.types import Logs

log = logging.getLogger("tensorsmith.training")


class ProgressBar(keras.callbacks.Callback):
    """Displays the progress, speed and remaining time of training, and prints the scores after each epoch.

    If standard error is not a terminal, there is no bar, and the scores are logged to the logger `tensorsmith.training`
    if its level is `INFO`. Otherwise, if standard output is not a terminal, the scores are printed there.

    Args:
        console: Rich console on which the progress bar is displayed. Defaults to a console that writes to standard
            error.
    """

    def __init__(self, console: Console | None = None) -> None:
        super().__init__()
        self._progress = Progress("tensorsmith.training", console)
        self._steps = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Creates the progress bar."""
        epochs, per_epoch = self.params["epochs"], self.params["steps"]
        first = self.params.get("first_epoch", 0)
        self._progress.__enter__()
        if self._progress.draws:
            total = (epochs - first) * per_epoch if per_epoch else None
            self._task = self._progress.start(f"epoch {first}/{epochs}", total, "steps")
        else:
            self._task = ProgressTask()  # each epoch is logged as a line

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Starts the timer of the epoch."""
        self._epoch_start = time.perf_counter()
        self._steps = 0
        self._epoch = f"epoch {epoch + 1}/{self.params['epochs']}"
        self._task.describe(self._epoch)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Advances the progress bar by the number of steps since the previous call."""
        self._task.advance(batch + 1 - self._steps)
        self._steps = batch + 1
        if logs and "loss" in logs:
            self._task.describe(f"{self._epoch}  loss {logs['loss']:.4f}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Prints the scores of the epoch."""
        values = [(name, np.asarray(value)) for name, value in (logs or {}).items()]
        scalars = [(name, value) for name, value in values if value.shape == () and value.dtype.kind == "f"]
        scores = "  ".join(f"{name} {value:.4g}" for name, value in scalars)
        seconds = time.perf_counter() - self._epoch_start
        line = f"{self._epoch}  {scores}  {seconds:.1f} s"
        logs_lines = not self._progress.draws and log.isEnabledFor(logging.INFO)
        if self._progress.draws or logs_lines:
            self._progress.print(line)
        if not (logs_lines or sys.stdout.isatty()):
            print(line, flush=True)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Removes the progress bar."""
        self.close()

    def close(self) -> None:
        """Removes the progress bar, even if training is interrupted."""
        self._progress.close()
