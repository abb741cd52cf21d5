"""Progress of long operations, shown as a bar in a terminal or a notebook, and logged otherwise."""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from tensorsmith.core.printing import print_text, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

Item = TypeVar("Item")
Advance = Callable[[int], None]  # function that reports a number of completed units of a task
"""Callback that receives the number of newly completed bytes, rows or steps: an increment, not a total."""


def unreported(count: int) -> None:
    """Do nothing. This is the `Advance` function for operations whose progress is not shown."""


def in_notebook() -> bool:
    """Return `True` if the process is the kernel of a notebook.

    Example:
        >>> in_notebook()
        False
    """
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


class ProgressTask:
    """Task shown in a `Progress` display. Tasks are created by `Progress.start`."""

    def __init__(self, bars: "Bars | None" = None, number: "TaskID | None" = None) -> None:
        self._bars = bars
        self._number = number

    def advance(self, count: int = 1) -> None:
        """Increase the number of completed units by `count`."""
        if self._bars is not None and self._number is not None:
            self._bars.advance(self._number, count)

    def set_completed(self, count: int) -> None:
        """Set the number of completed units to `count`."""
        if self._bars is not None and self._number is not None:
            self._bars.update(self._number, completed=count)

    def describe(self, description: str) -> None:
        """Replace the description of the task."""
        if self._bars is not None and self._number is not None:
            self._bars.update(self._number, description=description)

    def close(self) -> None:
        """Remove the progress bar of the task."""
        if self._bars is not None and self._number is not None:
            self._bars.remove_task(self._number)
            self._number = None


class Progress:
    """Context manager that shows the progress of long operations.

    On a terminal, each task has a progress bar on standard error with its rate and the remaining time; printed lines
    appear above the bars. In a notebook, the bars are an output of the cell. Elsewhere, the start of each task is
    logged. Outside of the context nothing is shown; `SILENT`, the default of functions that accept a `Progress`, is an
    instance that is never entered.

    Args:
        logger: Name of the logger used if there is no terminal.
        console: Rich console on which the progress bars are displayed. Defaults to a console that writes to standard
            error.

    Example:
        >>> with Progress() as progress:
        ...     task = progress.start("reading", total=3_000)
        ...     for size in (1_000, 2_000):
        ...         task.advance(size)
    """

    def __init__(self, logger: str = "tensorsmith", console: "Console | None" = None) -> None:
        self._logger = logging.getLogger(logger)
        self._console = console
        self._shown = False
        self._bars: Bars | None = None

    def __enter__(self) -> "Progress":
        self._shown = True
        if self._console is not None or sys.stderr.isatty() or in_notebook():
            self._bars = self._make_bars()
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def draws(self) -> bool:
        """`True` while progress bars are displayed in a terminal."""
        return self._bars is not None

    def start(self, description: str, total: int | None = None, unit: str = "bytes") -> ProgressTask:
        """Start a task and return it.

        Args:
            description: Description of the task, such as "reading".
            total: Total number of units, or `None` if it is unknown.
            unit: Name of the unit in plural form, such as "rows".
        """
        description = printable(description)
        if self._bars is not None:
            room = max(20, self._bars.console.width - 60)
            shown = description if len(description) <= room else f"{description[: room - 3]}..."
            return ProgressTask(self._bars, self._bars.add_task(shown, total=total, unit=unit))
        if self._shown:
            size = "" if total is None else f" ({format_bytes(total) if unit == 'bytes' else f'{total:,} {unit}'})"
            self._logger.info("%s%s", description, size)
        return ProgressTask()

    def track(
        self, items: Iterable[Item], description: str, total: int | None = None, unit: str = "items"
    ) -> Iterator[Item]:
        """Yield the items of an iterable and count each item as one completed unit of a new task."""
        task = self.start(description, total, unit)
        for item in items:
            yield item
            task.advance()

    def print(self, line: str) -> None:
        """Print a line above the progress bars, or log it if there is no terminal."""
        if self._bars is not None and in_notebook():
            print_text(line)
        elif self._bars is not None:
            self._bars.console.print(printable(line, keep="\n"), highlight=False, markup=False)
        elif self._shown:
            self._logger.info(line)

    def close(self) -> None:
        """Remove all progress bars. The context manager calls this method on exit; repeated calls have no effect."""
        if self._bars is not None:
            self._bars.stop()
        self._bars, self._shown = None, False

    def _make_bars(self) -> "Bars | None":
        from rich.console import Console
        from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars
        from rich.text import Text

        class Done(ProgressColumn):
            def render(self, task: Task) -> Text:
                return Text(_done(task.fields["unit"], int(task.completed), task.total), style="progress.download")

        class Rate(ProgressColumn):
            def render(self, task: Task) -> Text:
                unit, speed = task.fields["unit"], task.finished_speed or task.speed
                text = "" if speed is None else format_bytes(int(speed)) if unit == "bytes" else f"{speed:,.0f} {unit}"
                return Text(f"{text}/s" if text else "", style="progress.data.speed")

        description = TextColumn("{task.description}", markup=False)
        left = TimeRemainingColumn(elapsed_when_finished=True)
        columns = description, BarColumn(bar_width=20), Done(), Rate(), left
        if self._console is None and in_notebook():
            from tensorsmith.core.notebook_bars import NotebookBars

            return NotebookBars(*columns)
        console = self._console or Console(stderr=True)
        if not console.is_terminal or console.is_dumb_terminal:  # a dumb terminal cannot redraw a line
            return None
        above = sys.stdout.isatty()  # redirected standard output must not contain bars
        return Bars(*columns, console=console, transient=True, redirect_stdout=above)


def format_bytes(size: int) -> str:
    """Return a number of bytes as a human-readable string.

    Example:
        >>> format_bytes(999), format_bytes(1500), format_bytes(2_340_000_000)
        ('999 bytes', '1.5 kB', '2.3 GB')
    """
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} byte{'s' if size != 1 else ''}"


def _done(unit: str, completed: int, total: float | None) -> str:
    if unit == "bytes":
        return format_bytes(completed) if total is None else f"{format_bytes(completed)} of {format_bytes(int(total))}"
    return f"{completed:,} {unit}" if total is None else f"{completed:,}/{int(total):,}"


SILENT = Progress()  # display that shows nothing
"""A `Progress` that shows nothing, the default of functions that accept a `Progress`."""
