"""Atomic replacement of files, so that readers never see an incomplete file."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Context manager that yields a temporary path and, if the block succeeds, renames the file to `path`.

    Readers see either the old file or the complete new one. If the block raises an exception, the temporary file is
    removed and `path` is unchanged. Two processes may write at the same time; the last one to finish wins.

    Args:
        path: Path of the file to write. Its folder must exist.

    Yields:
        The temporary path, in the same folder and with the same suffix.

    Example:
        >>> import pathlib, tempfile
        >>> target = pathlib.Path(tempfile.mkdtemp()) / "numbers.txt"
        >>> with replace_file(target) as draft:
        ...     _ = draft.write_text("1 2 3")
        >>> target.read_text()
        '1 2 3'
    """
    target = Path(path)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-", suffix=target.suffix)
    os.close(descriptor)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o666 & ~current_umask())  # mkstemp creates files with mode 0600
        draft.replace(target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT) and error.filename is None:  # failed writes set no name
            error.filename = os.fspath(target)
        raise
    finally:
        draft.unlink(missing_ok=True)


def current_umask() -> int:
    """Return the file mode creation mask of the process.

    Example:
        >>> 0 <= current_umask() <= 0o777
        True
    """
    mask = os.umask(0)
    os.umask(mask)
    return mask
