"""Progress bar of a training run."""

import logging
import sys
import time
from collections.abc import Mapping

import keras
import numpy as np
from rich.console import Console

from tensorsmith.core import Progress, ProgressTask, in_notebook, print_text
from tensorsmith.core.types import Logs

PREFIX, RATE = "val_", "learning_rate"  # of the names of validation scores and of learning rates

log = logging.getLogger("tensorsmith.training")


class ProgressBar(keras.callbacks.Callback):
    """Displays the progress, speed and remaining time of training, and prints the scores after each epoch.

    In a notebook, the progress bar is an output of the cell, above the scores. On a terminal, validation scores are in
    parentheses. Learning rates that have not changed, or for which the terminal
    is too narrow, are left out, but are part of the history. If standard error is not a terminal, there is no bar, and
    the scores are logged to the logger `tensorsmith.training` if its level is `INFO`. Otherwise, if standard output is
    not a terminal, the scores are printed there.

    Args:
        console: Rich console on which the progress bar is displayed. Defaults to a console that writes to standard
            error.
    """

    def __init__(self, console: Console | None = None) -> None:
        super().__init__()
        self._progress = Progress("tensorsmith.training", console)
        self._console = console
        self._steps = 0
        self._rates: dict[str, float] = {}

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
        scalars = {name: float(value) for name, value in values if value.shape == () and value.dtype.kind == "f"}
        scores = "  ".join(f"{name} {value:.4g}" for name, value in scalars.items())
        seconds = f"{time.perf_counter() - self._epoch_start:.1f} s"
        line = f"{self._epoch}  {scores}  {seconds}"
        on_terminal = self._progress.draws and not in_notebook()
        logs_lines = not self._progress.draws and log.isEnabledFor(logging.INFO)
        if on_terminal or logs_lines:
            self._progress.print(self._narrow_line(scalars, seconds) if on_terminal else line)
        if not (logs_lines or sys.stdout.isatty()):
            print_text(line, flush=True)

    def _narrow_line(self, scalars: Mapping[str, float], seconds: str) -> str:
        """Returns a line of scores that is not wider than the terminal."""
        before, self._rates = self._rates, {name: scalars[name] for name in scalars if name.startswith(RATE)}
        validation = {name.removeprefix(PREFIX): scalars[name] for name in scalars if name.startswith(PREFIX)}
        parts = [self._epoch]
        for name in dict.fromkeys(name.removeprefix(PREFIX) for name in scalars if name not in self._rates):
            value = f" {scalars[name]:.4g}" if name in scalars else ""
            parts.append(f"{name}{value}" + (f" (val {validation[name]:.4g})" if name in validation else ""))
        rates = [f"{name} {rate:.4g}" for name, rate in self._rates.items() if before.get(name) != rate]
        width = (self._console or Console(stderr=True)).width
        lines = ("  ".join(each) for each in ([*parts, *rates, seconds], [*parts, seconds], parts))
        line = next((each for each in lines if len(each) <= width), "  ".join(parts))
        return line if len(line) <= width else f"{line[: width - 1]}…"

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Removes the progress bar."""
        self.close()

    def close(self) -> None:
        """Removes the progress bar, even if training is interrupted."""
        self._progress.close()
