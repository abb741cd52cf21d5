"""Two server processes that are started on first use and reused, because importing TensorFlow takes seconds.

Both read requests from stdin, one JSON object per line, and answer each with `{"error": null}` or an error message.
"""

import atexit
import contextlib
import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tensorsmith.testing.errors import ConformanceError


def ask_reloader(folder: str, calls: int) -> None:
    """Runs an exported model in a process without tensorsmith; see reloader.py."""
    error = _ask(_reloader, {"folder": folder, "calls": calls})
    if error:
        raise ConformanceError(f"the export cannot be loaded without the code of its layers:\n{error}")


def ask_two_cpus(path: Path, row: str, check: str) -> None:
    """Runs one check of a conformance file in a process with two logical CPUs; see two_cpus.py."""
    error = _ask(_two_cpus, {"path": str(path), "row": row, "check": check})
    if error:
        raise ConformanceError(error)


@functools.cache
def _reloader() -> subprocess.Popen[str]:
    return _start(["-I", str(Path(__file__).with_name("reloader.py"))])


@functools.cache
def _two_cpus() -> subprocess.Popen[str]:
    worker = _start(["-m", "tensorsmith.testing.two_cpus"])
    _send(worker, sys.path)
    return worker


def _start(arguments: list[str]) -> subprocess.Popen[str]:
    worker = subprocess.Popen([sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(_stop, worker)
    return worker


def _stop(worker: subprocess.Popen[str]) -> None:
    """Stops a server process by closing its pipes."""
    with contextlib.suppress(BrokenPipeError), worker:
        pass


def _send(worker: subprocess.Popen[str], request: Any) -> None:
    assert worker.stdin
    worker.stdin.write(json.dumps(request) + "\n")
    worker.stdin.flush()


def _ask(worker: Any, request: dict[str, Any]) -> str | None:
    """Sends a request to a server process, and returns the error message in its response, or `None`."""
    process = worker()
    answer = ""
    with contextlib.suppress(BrokenPipeError):
        _send(process, request)
        answer = process.stdout.readline()
    if not answer:
        worker.cache_clear()  # the next request starts a new worker
        raise RuntimeError(f"the subprocess {process.args!r} exited with status {process.wait()}; see its output above")
    error: str | None = json.loads(answer)["error"]
    return error
