"""Progress of work on files: a bar on a terminal, a line in the log elsewhere."""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str, int], Callable[[int], None]]]:
    """Shows how far work has come, on the error stream.

    Yields:
        `(what is done, bytes in all) -> a function to call with each number of bytes that are done`.
    """
    if not sys.stderr.isatty():

        def log(what: str, size: int) -> Callable[[int], None]:
            logger.info("%s %s", what, size_text(size))
            return lambda done: None

        yield log
        return
    from rich.console import Console
    from rich.progress import Progress

    from tensorsmith.data.datasets.progress import columns_of_bytes

    # Lines that are printed meanwhile go above the bar; into a file where they are sent there.
    above = sys.stdout.isatty()
    with Progress(*columns_of_bytes(), console=Console(stderr=True), transient=True, redirect_stdout=above) as bar:

        def begin(what: str, size: int) -> Callable[[int], None]:
            task = bar.add_task(what, total=size)
            return lambda done: bar.advance(task, done)

        yield begin


def size_text(size: int) -> str:
    """A number of bytes, as it is read.

    Example:
        >>> size_text(999), size_text(1500), size_text(2_340_000_000)
        ('999 bytes', '1.5 kB', '2.3 GB')
    """
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} byte{'s' if size != 1 else ''}"
