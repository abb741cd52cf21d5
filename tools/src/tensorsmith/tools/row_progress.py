"""Progress of work on rows that nobody has counted: their number on a terminal, a line in the log elsewhere."""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def row_progress(what: str) -> Iterator[Callable[[int], None]]:
    """Shows how far work has come, on the error stream.

    Args:
        what: What is done.

    Yields:
        A function to call with each number of rows that are done.
    """
    if not sys.stderr.isatty():
        logger.info(what)
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    counted = TextColumn("{task.description}: {task.completed:,} rows", markup=False)
    with Progress(SpinnerColumn(), counted, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done: bar.advance(task, done)
