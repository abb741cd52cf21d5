"""Files at an address of the web, from hosts that may be gone, mute or endless."""

import http.client
import queue
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorsmith.core import ProgressTask
from tensorsmith.data.datasets.hosts.base import File, Source, SourceError

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
"""From asking to the first byte of the answer: finding the host, connecting to each of its addresses, redirects."""
WINDOW_SECONDS = 20.0
WINDOW_BYTES = 100_000
"""A host that sends less than this in one window is as good as mute: the next place is faster."""
NETWORK_ERRORS = (OSError, http.client.HTTPException, ValueError)


@dataclass(frozen=True)
class Address(Source):
    """Files that each have an address.

    Attributes:
        template: The address, with `{name}` where the file's name belongs.
    """

    template: str

    @property
    def place(self) -> str:
        """The address in words."""
        return f"original host {self.template.replace('{name}', '')}"

    def fetch(self, folder: Path, task: ProgressTask) -> None:
        """Downloads file after file."""
        had = 0
        for file in self.files:
            had = self._download(file, folder / file.name, task, had)

    def _download(self, file: File, path: Path, task: ProgressTask, had: int) -> int:
        end = had + file.size
        with _open(self.template.format(name=file.name)) as answer, path.open("wb") as target:
            window_start, window_had = time.monotonic(), had
            while chunk := _read(answer):
                had += len(chunk)
                if had > end:
                    raise SourceError(f"{file.name} is longer than the {file.size:,} bytes it should have")
                target.write(chunk)
                task.set_completed(had)
                if time.monotonic() - window_start > WINDOW_SECONDS:
                    if had - window_had < WINDOW_BYTES:
                        raise SourceError(f"too slow: {had - window_had:,} bytes in {WINDOW_SECONDS:.0f} s")
                    window_start, window_had = time.monotonic(), had
        return had


def _open(address: str) -> Any:
    """The answer to a GET, or SourceError within `ANSWER_SECONDS`.

    A timeout of the socket holds for each step alone, and for the look-up of the host's name not at all: a thread that
    may be left behind is what keeps the promise.
    """
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    given_up = threading.Event()

    def ask() -> None:
        try:
            request = urllib.request.Request(address, headers={"User-Agent": "tensorsmith"})
            answer = urllib.request.urlopen(request, timeout=CONNECT_SECONDS)
        except NETWORK_ERRORS as error:
            answer = error
        answers.put(answer)
        if given_up.is_set() and not isinstance(answer, Exception):
            answer.close()

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=ANSWER_SECONDS)
    except queue.Empty:
        given_up.set()
        raise SourceError(f"no answer within {ANSWER_SECONDS:g} s") from None
    if isinstance(answer, urllib.error.HTTPError):
        answer.close()
        raise SourceError(f"answers {answer.code} {answer.reason}") from None
    if isinstance(answer, Exception):
        raise SourceError(_reason(answer)) from answer
    return answer


def _read(answer: Any) -> bytes:
    try:
        chunk: bytes = answer.read1(1 << 16)
    except NETWORK_ERRORS as error:
        raise SourceError(_reason(error)) from error
    return chunk


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer within {CONNECT_SECONDS:g} s"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause) or type(cause).__name__
