"""The progress of a training run, shown while it runs."""

import logging
import time
from typing import Any

import keras
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

log = logging.getLogger("tensorsmith.training")


class ProgressBar(keras.callbacks.Callback):
    """A bar over all epochs with rate and time left, and a line of scores per epoch.

    Where standard error is no terminal the bar is left out and the lines go to the logger `tensorsmith.training`.

    Args:
        console: Where to draw; standard error by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        super().__init__()
        self._console = console or Console(stderr=True)
        self._steps = 0
        self._progress: Progress | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Opens the bar."""
        self._progress = progress = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:,.0f} steps/s"),
            TextColumn("{task.fields[loss]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        epochs, per_epoch = self.params["epochs"], self.params["steps"]
        first = self.params.get("first_epoch", 0)
        total = (epochs - first) * per_epoch if per_epoch else None
        self._task = progress.add_task("", total=total, epoch=first, epochs=epochs, rate=0.0, loss="")
        progress.start()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the epoch's clock."""
        self._epoch_start = time.perf_counter()
        self._steps = 0
        if self._progress is not None:
            self._progress.update(self._task, epoch=epoch + 1)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Moves the bar by the steps since the last return."""
        advance = batch + 1 - self._steps
        self._steps = batch + 1
        rate = self._steps / (time.perf_counter() - self._epoch_start)
        loss = f"loss {logs['loss']:.4f}" if logs and "loss" in logs else ""
        if self._progress is not None:
            self._progress.update(self._task, advance=advance, rate=rate, loss=loss)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Prints the epoch's scores."""
        values = [(name, np.asarray(value)) for name, value in (logs or {}).items()]
        scalars = [(name, value) for name, value in values if value.shape == () and value.dtype.kind == "f"]
        scores = "  ".join(f"{name} {value:.4g}" for name, value in scalars)
        seconds = time.perf_counter() - self._epoch_start
        line = f"epoch {epoch + 1}/{self.params['epochs']}  {scores}  {seconds:.1f} s"
        if self._console.is_terminal:
            self._console.print(line, highlight=False)
        else:
            log.info(line)

    def on_train_end(self, logs: Any = None) -> None:
        """Closes the bar."""
        self.close()

    def close(self) -> None:
        """Takes the bar off the screen, also when training broke off."""
        if self._progress is not None:
            self._progress.stop()
