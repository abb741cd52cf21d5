"""Log files of processes that a launcher starts."""

import contextlib
import os
import stat
from pathlib import Path
from typing import TextIO

TAIL = 8000  # bytes of a log file that are read


def open_log(path: str | os.PathLike[str]) -> TextIO:
    """Open a log file for appending. A file that has other names (hard links) is replaced by a new file.

    Archives can contain hard links to files of the user, which would otherwise be changed.

    Args:
        path: Path of the log file.
    """
    file = Path(path)
    with contextlib.suppress(FileNotFoundError):
        status = file.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            file.unlink()
    return file.open("a", encoding="utf-8")


def end_of_log(path: str | os.PathLike[str]) -> str:
    """Return the last 2,000 characters of a log file, or an empty string if there is no such file.

    Args:
        path: Path of the log file.
    """
    try:
        with Path(path).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
            return file.read(TAIL).decode(errors="replace")[-2000:]
    except FileNotFoundError:
        return ""
