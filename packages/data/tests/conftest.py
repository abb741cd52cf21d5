import hashlib
import http.server
import threading
import time
from dataclasses import dataclass

import pytest

from tensorsmith.core import ProgressTask
from tensorsmith.data import DatasetInfo
from tensorsmith.data.datasets.hosts import File, Host


def pin(name, content):
    return File(name, len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Fake(Host):
    """Source that writes or raises a given result, and counts its calls."""

    gives: object
    asked: list

    @property
    def location(self):
        return "fake place"

    def fetch(self, folder, task):
        self.asked.append(folder)
        if isinstance(self.gives, Exception):
            (folder / self.files[0].name).write_bytes(b"half")
            raise self.gives
        for file in self.files:
            (folder / file.name).write_bytes(self.gives)


class Recorder(ProgressTask):
    """Progress task that records the numbers of completed bytes."""

    def __init__(self, seen):
        super().__init__()
        self._seen = seen

    def set_completed(self, count):
        self._seen.append(count)


@pytest.fixture
def make_info():
    """Returns a function that describes a data set of one pinned file, with sources that write or raise the results."""

    def make(pinned, *gives):
        file = pin("letters.txt", pinned)
        return DatasetInfo(
            name="letters",
            title="Letters",
            description="",
            licence="CC0-1.0",
            source="made here",
            splits={"train": len(pinned)},
            read=lambda files, split: (files["letters.txt"].read_text(), None),
            sources=tuple(Fake((file,), given, []) for given in gives),
        )

    return make


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, with network access enabled and no proxy for local servers."""
    monkeypatch.setenv("TENSORSMITH_DATA", str(tmp_path / "cache"))
    monkeypatch.delenv("TENSORSMITH_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "cache"


@pytest.fixture
def serve():
    """Returns a function that starts a local server, which answers each GET with a given function; returns its URL."""
    servers = []

    def start(answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                answer(self)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.block_on_close = False
        server.handle_error = lambda *_: None  # some tests disconnect clients on purpose
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/{{name}}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def send():
    """Returns a handler that sends content in chunks with a pause after each."""

    def send(handler, content, length=None, piece=1 << 16, pause=0.0):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content) if length is None else length))
        handler.end_headers()
        for start in range(0, len(content), piece):
            handler.wfile.write(content[start : start + piece])
            handler.wfile.flush()
            time.sleep(pause)

    return send
