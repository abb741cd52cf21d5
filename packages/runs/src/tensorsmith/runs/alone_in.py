"""Lock of a folder in which processes of one launcher work."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from tensorsmith.core import Verbatim, argument_error


@contextlib.contextmanager
def alone_in(folder: Path, work: str) -> Iterator[int]:
    """Context manager that locks a folder. Processes that inherit the file descriptor keep the lock.

    Args:
        folder: Folder to lock. It must exist.
        work: Description of what runs in the folder, such as "search", for the error message.

    Yields:
        The file descriptor of the folder.

    Raises:
        ArgumentError: If another process holds the lock.
    """
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            received = Verbatim(f"{folder}, in which another {work} is running")
            expected, remedy = f"a folder that no other {work} uses", f"wait until the other {work} has ended"
            raise argument_error("out", received, expected, remedy) from error
        yield lock
    finally:
        os.close(lock)
