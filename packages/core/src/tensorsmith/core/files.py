"""Writing files whole or not at all."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path beside `path`, which takes its place when the block ends well and vanishes otherwise.

    Readers see the old file or the new one, never half of either; two processes may write at once, and the last wins.

    Args:
        path: The file to write. Its folder must exist.

    Yields:
        The path to write to, with the same ending.

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
        umask = os.umask(0)
        os.umask(umask)
        draft.chmod(0o666 & ~umask)  # mkstemp makes files that only their owner may read
        draft.replace(target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT) and error.filename is None:  # as writing says no name
            error.filename = os.fspath(target)
        raise
    finally:
        draft.unlink(missing_ok=True)
