"""Web server as a host of data files, with time limits for unreachable, unresponsive and slow servers."""

import http.client
import queue
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tensorsmith.core import ProgressTask
from tensorsmith.data.datasets.hosts.base import Host, SourceError
from tensorsmith.data.datasets.hosts.receive import save

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
"""Maximum time from the request to the first byte of the answer, including DNS, connections and redirects."""
NETWORK_ERRORS = (OSError, http.client.HTTPException, ValueError)


@dataclass(frozen=True)
class Address(Host):
    """Data files on a web server.

    Attributes:
        template: URL of the files, with `{name}` as a placeholder for the file name.
    """

    template: str

    @property
    def location(self) -> str:
        """Address of the web server, shown in messages."""
        return f"original host {self.template.replace('{name}', '')}"

    def fetch(self, folder: Path, task: ProgressTask) -> None:
        """Downloads the files sequentially."""
        had = 0
        for file in self.files:
            with _open(self.template.format(name=file.name)) as answer:
                had = save(iter(partial(_read, answer), b""), file, folder / file.name, task, had)


def _open(address: str) -> Any:
    """Returns the response to a GET request. Raises `SourceError` if there is none within `ANSWER_SECONDS`.

    The timeout of a socket applies to each operation separately, and not to DNS lookups. The request therefore runs in
    a thread, which is abandoned at the deadline.
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
        raise SourceError(f"HTTP status {answer.code} {answer.reason}") from None
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
