"""Progress bars in a notebook, in a single output of the cell that is updated in place."""

import io
import time
from typing import Any, TextIO

from rich.console import Console
from rich.progress import Progress, ProgressColumn, TaskID

WIDTH = 120  # characters per line


def notebook_console(file: TextIO) -> Console:
    """Return a console that writes plain text. Rich would write HTML in a notebook."""
    return Console(file=file, width=WIDTH, force_jupyter=False, force_terminal=False, highlight=False)


class NotebookBars(Progress):
    """Progress bars of the library rich, as the text of one output of a notebook cell.

    Rich itself would require the package ipywidgets. When the bars are stopped, those that have not been removed remain
    visible.

    Args:
        columns: Columns of the progress bars.
        seconds: Minimum time between two updates.
    """

    def __init__(self, *columns: ProgressColumn, seconds: float = 0.1) -> None:
        super().__init__(*columns, console=notebook_console(io.StringIO()), auto_refresh=False)
        self._seconds = seconds
        self._display: Any = None
        self._shown_at = 0.0

    def start(self) -> None:
        """Create the output."""
        from IPython.display import display

        show: Any = display
        self._display = show({"text/plain": ""}, raw=True, display_id=True)

    def stop(self) -> None:
        """Show the bars for the last time."""
        self._show()

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Increase the number of completed units of a task."""
        super().advance(task_id, advance)
        self.refresh()

    def update(self, task_id: TaskID, **changes: Any) -> None:
        """Change a task."""
        super().update(task_id, **changes)
        self.refresh()

    def refresh(self) -> None:
        """Show the bars, unless they have been updated just now."""
        if time.monotonic() - self._shown_at >= self._seconds:
            self._show()

    def _show(self) -> None:
        if self._display is None:
            return
        self._shown_at = time.monotonic()
        with self.console.capture() as text:
            self.console.print(self.get_renderable())
        lines = (line.rstrip() for line in text.get().splitlines())
        self._display.update({"text/plain": "\n".join(lines)}, raw=True)
