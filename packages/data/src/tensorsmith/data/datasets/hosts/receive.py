"""Storage of downloaded files, with limits for servers that are slow or send too much."""

import hashlib
import time
from collections.abc import Iterable
from pathlib import Path

from tensorsmith.core import ProgressTask
from tensorsmith.data.datasets.hosts.base import File, SourceError

WINDOW_SECONDS = 20.0
WINDOW_BYTES = 100_000
"""A host that sends less than this in one window is given up, as the next source is faster."""


def save(chunks: Iterable[bytes], file: File, path: Path, task: ProgressTask, had: int = 0) -> int:
    """Writes received bytes to a file and reports the progress.

    Args:
        chunks: Parts of the content, as they are received.
        file: Pinned file, which limits the size.
        path: Path to which the file is written.
        task: Progress task that is updated with the number of received bytes.
        had: Number of bytes that were received before, of other files.

    Returns:
        The number of received bytes, including `had`.

    Raises:
        SourceError: If the content is larger than expected, or if the host is too slow.
    """
    end = had + file.size
    window_start, window_had = time.monotonic(), had
    with path.open("wb") as target:
        for chunk in chunks:
            had += len(chunk)
            if had > end:
                raise SourceError(f"{file.name} is larger than the expected {file.size:,} bytes")
            target.write(chunk)
            task.set_completed(had)
            if time.monotonic() - window_start > WINDOW_SECONDS:
                if had - window_had < WINDOW_BYTES:
                    raise SourceError(f"too slow: {had - window_had:,} bytes in {WINDOW_SECONDS:.0f} s")
                window_start, window_had = time.monotonic(), had
    return had


def check_hash(path: Path, file: File) -> None:
    """Raises `SourceError` if a downloaded file does not have the pinned hash."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != file.sha256:
        raise SourceError(f"{path.name} has sha256 {digest[:12]}..., expected {file.sha256[:12]}...")
