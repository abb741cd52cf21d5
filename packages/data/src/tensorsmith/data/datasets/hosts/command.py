"""Non-interactive execution of package managers, with a time limit and readable errors."""

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
    """Runs a command of a package manager and waits for it to finish.

    Args:
        name: Name of the program, for error messages.
        command: Program to run and its arguments.
        folder: Working directory, also used for temporary files.
        watch: Function that is called several times per second while the command is running.
        output: File object that receives the standard output. If `None`, the output is discarded.
        limit: Time limit in seconds, after which the command and its children are killed.

    Raises:
        SourceError: If the program is not installed, fails, or exceeds the time limit.
    """
    # English messages can be parsed, and temporary files in `folder` are visible to `watch`.
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
            raise SourceError(f"{name} is not installed") from None
        except PermissionError:
            raise SourceError(f"permission to run {name} was denied") from None
        try:
            while process.poll() is None:
                if time.monotonic() > deadline:
                    raise SourceError(f"{name} did not finish within {limit:g} s")
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
    """Returns the total size in bytes of the files that match a pattern, or 0 if a file is removed meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        return sum(path.stat().st_size for path in folder.rglob(pattern))
    return 0


def _shorten(text: str) -> str:
    """Returns the error lines in the output of a package manager, or the last line, truncated to 300 characters."""
    if "connection broken by" in text:  # without a network, pip's last line claims that the package does not exist
        return "no connection to the package index"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith(("E:", "ERROR:"))]
    return " ".join(marked or lines[-1:])[:300]
