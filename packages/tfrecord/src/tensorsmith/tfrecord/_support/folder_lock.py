"""Lock of an output folder, held by functions that write the files of a data set."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from tensorsmith.tfrecord._support.manifest import check_created

LOCK = ".tensorsmith.lock"
CONTENT = b"Lock of tensorsmith.tfrecord\n"


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Context manager that locks a folder against other threads and processes.

    Raises:
        FileNotFoundError: If the folder does not exist.
        BlockingIOError: If another thread or process holds the lock.
        ValueError: If the folder contains a file of another program with the name of the lock file.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    path = folder / LOCK
    check_created(not os.path.lexists(path) or (path.is_file() and not path.is_symlink()), path)
    lock = _locked(path)
    try:
        # The file is empty if the process that created it was killed.
        check_created(os.read(lock, len(CONTENT) + 1) in (b"", CONTENT), path)
        os.pwrite(lock, CONTENT, 0)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # while it is locked
    finally:
        os.close(lock)


def _locked(path: Path) -> int:
    """Opens and locks the lock file, which is created if it does not exist, and returns its file descriptor."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if not isinstance(error, BlockingIOError):
                raise
            raise BlockingIOError(
                f"{path.parent}: another process is writing to this folder. "
                "Wait until it has finished, or pass another folder."
            ) from None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), path.stat()):
                return lock
        os.close(lock)  # its previous owner removed the file after it was opened here
