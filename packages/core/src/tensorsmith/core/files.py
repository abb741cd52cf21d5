"""Atomic replacement of files, files of unknown origin, and temporary folders that killed processes do not leave."""

import contextlib
import errno
import fcntl
import functools
import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tensorsmith.core.errors import UnreadableFileError, Verbatim, argument_error

LARGEST_TEXT = 5_000_000  # bytes; JSON can need 30 times as much memory when it is parsed
PREFIX = ".tensorsmith-"  # of the names of temporary folders
LOCK, CONTENT = "lock", "content"  # in a temporary folder: a file that its process locks, and the folder that it uses
# Content of the lock file. Locks may be local to each machine on network file systems, so a process removes only the
# folders of its own machine.
OWNER = f"tensorsmith {platform.node()}".encode()


@contextlib.contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Context manager that yields a temporary path and, if the block succeeds, renames the file to `path`.

    Readers see either the old file or the complete new one, also after a power failure if the file system supports
    `fsync`. If the block raises an exception, the temporary file is removed and `path` is unchanged. Two processes may
    write at the same time; the last one to finish wins.

    Args:
        path: Path of the file to write. Its folder must exist.

    Yields:
        The path of an empty file with the same suffix, in a temporary folder next to `path`.

    Example:
        >>> import pathlib, tempfile
        >>> target = pathlib.Path(tempfile.mkdtemp()) / "numbers.txt"
        >>> with replace_file(target) as draft:
        ...     _ = draft.write_text("1 2 3")
        >>> target.read_text()
        '1 2 3'
    """
    target = Path(path)
    try:
        with temporary_folder(target.parent) as folder:
            draft = folder / f".draft{target.suffix}"
            draft.touch()
            yield draft
            _sync(draft)
            draft.replace(target)
            _sync(target.parent)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT) and error.filename is None  # failed writes set no name
        if full or f"{target.parent.absolute() / PREFIX}" in f"{Path(str(error.filename)).absolute()}":
            error.filename = os.fspath(target)
            del error.filename2
        raise


def read_text(path: str | os.PathLike[str], limit: int = LARGEST_TEXT) -> str:
    """Return the content of a UTF-8 file of unknown origin, whose size is checked before it is read.

    Args:
        path: Path of the file.
        limit: Maximum number of bytes.

    Raises:
        UnreadableFileError: If the file is larger, or is not a regular file.
        UnicodeDecodeError: If it is not valid UTF-8.
        OSError: If it cannot be read.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "numbers.txt"
        >>> path.write_text("1 2 3")
        5
        >>> read_text(path)
        '1 2 3'
    """
    status = Path(path).stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
        size = f" of {status.st_size:,} bytes" if stat.S_ISREG(status.st_mode) else ", a special file"
        expected = f"a regular file of at most {limit:,} bytes"
        raise UnreadableFileError.like(argument_error("file", Verbatim(f"{os.fspath(path)}{size}"), expected))
    return Path(path).read_text(encoding="utf-8")


@contextlib.contextmanager
def temporary_folder(parent: str | os.PathLike[str]) -> Iterator[Path]:
    """Context manager that yields a new hidden folder in `parent`, and removes the folder at the end of the block.

    If the process is killed, the next process on the same machine that calls this function with the same `parent`
    removes the folder.

    Args:
        parent: Folder in which the temporary folder is created. It must exist.

    Yields:
        The path of the temporary folder.

    Example:
        >>> import pathlib, tempfile
        >>> parent = pathlib.Path(tempfile.mkdtemp())
        >>> with temporary_folder(parent) as folder:
        ...     _ = (folder / "part").write_text("1 2 3")
        >>> list(parent.iterdir())
        []
    """
    _remove_abandoned(Path(parent).absolute())
    with contextlib.ExitStack() as stack:
        content = None
        while content is None:
            folder = Path(tempfile.mkdtemp(dir=parent, prefix=PREFIX))
            stack.callback(_remove, folder)
            # Until it is locked, the folder cannot be distinguished from that of a killed process. If another process
            # has removed it, this one creates a new folder.
            with contextlib.suppress(FileNotFoundError):
                lock = stack.enter_context((folder / LOCK).open("wb", buffering=0))
                with contextlib.suppress(OSError):  # without locks, the folder of a killed process is not removed
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    lock.write(OWNER)  # last, because other processes do not remove the content of a folder without it
                (folder / CONTENT).mkdir()
                content = folder / CONTENT
        yield content


@functools.lru_cache(maxsize=1000)  # once per process, because it takes time to list a folder of many files
def _remove_abandoned(parent: Path) -> None:
    """Removes the temporary folders of killed processes. Their locks were released by the operating system."""
    for folder in parent.glob(f"{PREFIX}*"):
        if folder.is_symlink():
            continue
        with contextlib.suppress(OSError):  # it has content
            folder.rmdir()  # its process was killed before it had created the lock, or after it had removed it
        with contextlib.suppress(OSError):  # its owner holds the lock or has removed it, or it is not such a folder
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                owner = os.read(lock, len(OWNER) + 1)
                if owner == OWNER:
                    _remove(folder)
                elif not owner and list(folder.iterdir()) == [folder / LOCK]:
                    (folder / LOCK).unlink()
                    folder.rmdir()
            finally:
                os.close(lock)


def _remove(folder: Path) -> None:
    # The lock file is removed last, so that an interrupted removal is completed by the next process.
    shutil.rmtree(folder / CONTENT, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def current_umask() -> int:
    """Return the file mode creation mask of the process.

    Example:
        >>> 0 <= current_umask() <= 0o777
        True
    """
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync(path: Path) -> None:
    """Flushes a file or folder to persistent storage, if the file system supports it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
