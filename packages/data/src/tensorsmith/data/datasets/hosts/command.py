"""Running the package managers: never for ever, never asking, with the reason when they fail."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from tensorsmith.data.datasets.hosts.base import SourceError

LIMIT_SECONDS = 600.0


def run(
    name: str,
    command: Sequence[str],
    folder: Path,
    watch: Callable[[], None],
    output: IO[bytes] | None = None,
    limit: float = LIMIT_SECONDS,
) -> None:
    """Runs a command to its end.

    Args:
        name: The program, for messages.
        command: Program and arguments.
        folder: Where it runs and keeps its temporary files.
        watch: Called several times a second meanwhile.
        output: Takes its standard output, which is dropped otherwise.
        limit: Seconds after which it and its children are killed.

    Raises:
        SourceError: It is not installed, failed, or took too long.
    """
    # English messages, so that their meaning can be told; temporary files beside the data, which `watch` can see.
    environment = {**os.environ, "LC_ALL": "C", "TMPDIR": str(folder)}
    deadline = time.monotonic() + limit
    with tempfile.TemporaryFile(dir=folder) as errors:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if output is None else output,
                stderr=errors,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise SourceError(f"{name} is not on this system") from None
        except PermissionError:
            raise SourceError(f"{name} may not be run by this user") from None
        try:
            while process.poll() is None:
                if time.monotonic() > deadline:
                    raise SourceError(f"{name} did not end within {limit:g} s")
                watch()
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode:
            errors.seek(0)
            text = errors.read().decode(errors="replace")
            raise SourceError(f"{name} failed: {_shorten(text) or f'exit code {process.returncode}'}")


def bytes_in(folder: Path, pattern: str) -> int:
    """What the matching files weigh, for a progress bar: a program at work may take them away meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        return sum(path.stat().st_size for path in folder.rglob(pattern))
    return 0


def _shorten(text: str) -> str:
    """The lines that package managers mark as errors, or else the last line, within 300 characters."""
    if "connection broken by" in text:  # without a network, pip's last word is that the package does not exist
        return "no connection to the package index"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith(("E:", "ERROR:"))]
    return " ".join(marked or lines[-1:])[:300]
