"""The progress bar of a fetch."""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)

Begin = Callable[[str, int], Callable[[int], None]]
"""(place, bytes in all) -> a function to call with the number of bytes had so far."""


@contextlib.contextmanager
def progress(name: str) -> Iterator[Begin]:
    """Shows one bar with rate and time left on a terminal; logs one line for each place elsewhere.

    Args:
        name: What is fetched.

    Yields:
        A function to call whenever another place is tried; the bar then starts anew.
    """
    if not sys.stderr.isatty():

        def log(place: str, size: int) -> Callable[[int], None]:
            logger.info("%s: fetching %.1f MB from %s", name, size / 1e6, place)
            return lambda had: None

        yield log
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    room = max(len(name), console.width - 60)
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(name)

        def begin(place: str, size: int) -> Callable[[int], None]:
            text = f"{name} from {place}"
            bar.reset(task, total=size, description=text if len(text) <= room else f"{text[: room - 3]}...")
            return lambda had: bar.update(task, completed=min(had, size))

        yield begin
