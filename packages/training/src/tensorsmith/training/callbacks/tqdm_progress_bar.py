"""Progress bar callback that is compatible with TensorFlow Addons."""

import re
import string
import sys
from collections.abc import Mapping, Set
from typing import Any

import keras
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID
from rich.table import Column
from rich.text import Text

from tensorsmith.core import check, in_notebook, printable
from tensorsmith.core.notebook_bars import NotebookBars, notebook_console
from tensorsmith.core.types import Logs

OVERALL = "{l_bar}{bar} {n_fmt}/{total_fmt} ETA: {remaining}s,  {rate_fmt}{postfix}"
EPOCH = "{n_fmt}/{total_fmt}{bar} ETA: {remaining}s - {desc}"

FIELDS = {"l_bar", "desc", "n", "n_fmt", "total", "total_fmt", "percentage", "elapsed", "remaining"}
FIELDS |= {"rate", "rate_fmt", "unit", "postfix"}
# Width and precision have at most two digits: a larger number would fill the memory.
SPECIFICATION = re.compile(r"(.?[<>=^])?[-+ ]?#?0?\d{0,2}[,_]?(\.\d{1,2})?[bcdeEfFgGnosxX%]?")


class TQDMProgressBar(keras.callbacks.Callback):
    """Displays a progress bar for all epochs and a progress bar for the steps of each epoch.

    Name, arguments and messages are those of TensorFlow Addons, but the bars are drawn by the library rich instead of
    tqdm. Formats may contain tqdm's fields for numbers and times, and `bar` exactly once. Bars appear on standard
    error, and only if it is a terminal, or in a notebook. Losses and metrics are the running means reported by Keras,
    which TensorFlow Addons averages again. A `Trainer` shows its own bar unless `verbose=False`.

    Args:
        metrics_separator: String that separates the metrics.
        overall_bar_format: Format string of the progress bar for the epochs, as in the argument `bar_format` of tqdm.
        epoch_bar_format: Format string of the progress bar for the steps, as in the argument `bar_format` of tqdm.
        metrics_format: Format string of a metric, which may contain the fields `name` and `value`.
        update_per_second: Maximum number of times per second that the progress bars are updated.
        leave_epoch_progress: If `True`, leave the progress bar of an epoch on the screen when the epoch ends.
        leave_overall_progress: If `True`, leave the progress bar for the epochs on the screen when training ends.
        show_epoch_progress: If `True`, display a progress bar for the steps.
        show_overall_progress: If `True`, display a progress bar for the epochs.
        console: Rich console on which the progress bars are displayed. Defaults to a console that writes to standard
            error.

    Raises:
        ValueError: If a format contains unknown fields, or if `update_per_second` is not positive.

    Example:
        >>> import keras, numpy as np
        >>> from tensorsmith.training import Trainer
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> x = np.ones((64, 1))
        >>> history = Trainer(model, "sgd", "mse").fit(x, x, callbacks=[TQDMProgressBar()], verbose=False)
    """

    def __init__(
        self,
        metrics_separator: str = " - ",
        overall_bar_format: str = OVERALL,
        epoch_bar_format: str = EPOCH,
        metrics_format: str = "{name}: {value:0.4f}",
        update_per_second: float = 10,
        leave_epoch_progress: bool = True,
        leave_overall_progress: bool = True,
        show_epoch_progress: bool = True,
        show_overall_progress: bool = True,
        *,
        console: Console | None = None,
    ) -> None:
        for name, text in (("overall_bar_format", overall_bar_format), ("epoch_bar_format", epoch_bar_format)):
            fits = _has_only(text, FIELDS | {"bar"}) and text.count("{bar}") == 1
            expected = f"contain {{bar}} exactly once, and no other fields than {', '.join(sorted(FIELDS))}"
            check(fits, name, text, expected)
        fits = _has_only(metrics_format, {"name", "value"})
        check(fits, "metrics_format", metrics_format, "contain no other fields than name and value")
        check(update_per_second > 0, "update_per_second", update_per_second, "a positive number")
        super().__init__()
        self._separator = metrics_separator
        self._metrics_format = metrics_format
        self._formats = {"epochs": overall_bar_format, "steps": epoch_bar_format}
        self._leaves = {"epochs": leave_overall_progress, "steps": leave_epoch_progress}
        self._shows = {"epochs": show_overall_progress, "steps": show_epoch_progress}
        columns = _Part(0), BarColumn(bar_width=40), _Part(1)
        if console is None and in_notebook():
            self._console, self._draws = notebook_console(sys.stdout), True
            self._progress: Progress = NotebookBars(*columns, seconds=1 / update_per_second)
        else:
            self._console = console or Console(stderr=True, highlight=False)
            self._draws = self._console.is_terminal
            self._progress = Progress(
                *columns,
                console=self._console,
                refresh_per_second=update_per_second,
                disable=not self._draws,
                transient=True,
            )
        self._training = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Adds the progress bar for the epochs."""
        self._training = True
        self._progress.start()
        self._overall = self._add("epochs", "Training", self.params["epochs"])

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Adds the progress bar for the steps."""
        if self._shows["steps"] and self._draws:
            self._console.print(f"Epoch {epoch + 1}/{self.params['epochs']}")
        self._epoch = self._add("steps", "", self.params.get("steps"))

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Updates the progress bar for the steps."""
        self._progress.update(self._epoch, completed=batch + 1, description=self._text(logs))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Removes the progress bar for the steps and updates the progress bar for the epochs."""
        self._progress.update(self._epoch, description=self._text(logs))
        self._remove("steps", self._epoch)
        self._progress.update(self._overall, completed=epoch + 1)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Removes the progress bar for the epochs."""
        self._training = False
        self._remove("epochs", self._overall)
        self.close()

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Adds a progress bar, unless this is a validation during training."""
        if not self._training:
            self._progress.start()
            self._epoch = self._add("steps", "Evaluating", self.params.get("steps"))

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Updates the progress bar of the evaluation."""
        if not self._training:
            self.on_train_batch_end(batch, logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Removes the progress bar of the evaluation."""
        if not self._training:
            self._remove("steps", self._epoch)
            self.close()

    def close(self) -> None:
        """Removes all progress bars, even if training is interrupted."""
        self._progress.stop()

    def _add(self, unit: str, description: str, total: int | None) -> TaskID:
        shown = self._shows[unit]
        return self._progress.add_task(description, total=total, visible=shown, unit=unit, format=self._formats[unit])

    def _remove(self, unit: str, bar: TaskID) -> None:
        if self._shows[unit] and self._leaves[unit] and self._draws:
            (task,) = (task for task in self._progress.tasks if task.id == bar)
            self._console.print(self._progress.make_tasks_table([task]))
        self._progress.remove_task(bar)

    def _text(self, logs: Mapping[str, Any] | None) -> str:
        scalars = {name: value for name, value in (logs or {}).items() if np.ndim(value) == 0}
        texts = (self._metrics_format.format(name=name, value=float(value)) for name, value in scalars.items())
        return self._separator.join(texts)


class _Part(ProgressColumn):
    """Column with the text that a progress bar displays before the bar (index 0) or after the bar (index 1)."""

    def __init__(self, position: int) -> None:
        super().__init__(Column(no_wrap=True))
        self._place = position

    def render(self, task: Task) -> Text:
        """Returns the current text of the column."""
        text = task.fields["format"].split("{bar}")[self._place].format(**_fields(task))
        return Text(printable(text.strip()))  # columns are separated by a space


def _has_only(text: str, fields: Set[str]) -> bool:
    """Returns `True` if a string is a format of the given fields, and not of their attributes or items."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return False
    return all(
        name is None or (name in fields and not conversion and SPECIFICATION.fullmatch(specification or ""))
        for _, name, specification, conversion in parts
    )


def _fields(task: Task) -> dict[str, Any]:
    """Returns the values for the format fields of a tqdm progress bar."""
    done, elapsed, unit = int(task.completed), task.elapsed or 0.0, task.fields["unit"]
    rate = done / elapsed if elapsed else 0.0
    known = task.total is not None and rate > 0
    remaining = _clock((task.total - done) / rate) if task.total is not None and known else "?"
    desc, percentage = task.description, task.percentage if task.total else 0.0
    texts = {"n_fmt": str(done), "total_fmt": "?" if task.total is None else str(int(task.total))}
    times = {"elapsed": _clock(elapsed), "remaining": remaining, "rate": rate, "rate_fmt": f"{rate:.2f}{unit}/s"}
    left = f"{desc}: {percentage:3.0f}%|" if desc else f"{percentage:3.0f}%|"
    numbers = {"n": done, "total": task.total, "percentage": percentage, "unit": unit}
    return {"l_bar": left, "desc": desc, "postfix": "", **texts, **times, **numbers}


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes:02d}:{seconds:02d}"
