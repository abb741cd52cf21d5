"""The progress bar of a fetch, and of other work on bytes."""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

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
    from rich.progress import Progress

    console = Console(stderr=True)
    room = max(len(name), console.width - 60)
    with Progress(*columns_of_bytes(), console=console) as bar:
        task = bar.add_task(name)

        def begin(place: str, size: int) -> Callable[[int], None]:
            text = f"{name} from {place}"
            bar.reset(task, total=size, description=text if len(text) <= room else f"{text[: room - 3]}...")
            return lambda had: bar.update(task, completed=min(had, size))

        yield begin


def columns_of_bytes() -> tuple[Any, ...]:
    """What a bar shows of work on bytes: what it is, how far, how fast, and the time left."""
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    text = TextColumn("{task.description}", markup=False)
    return text, BarColumn(bar_width=20), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
