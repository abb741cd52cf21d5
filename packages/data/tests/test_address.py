import hashlib
import socket
import time

import pytest

from tensorsmith.data.datasets.hosts import Address, File, SourceError, address, receive

from .conftest import Recorder

CONTENT = bytes(range(256)) * 400


@pytest.fixture
def fetch(cache, tmp_path):
    """Returns a function that fetches `letters.txt` from an address and returns its content and the progress."""

    def fetch(template):
        file = File("letters.txt", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
        reports = []
        Address((file,), template).fetch(tmp_path, Recorder(reports))
        return (tmp_path / "letters.txt").read_bytes(), reports

    return fetch


def test_download_with_progress(fetch, serve, send):
    content, reports = fetch(serve(lambda handler: send(handler, CONTENT)))
    assert content == CONTENT
    assert reports == sorted(reports)
    assert reports[-1] == len(CONTENT)


def test_http_404(fetch, serve):
    with pytest.raises(SourceError, match="HTTP status 404 Not Found"):
        fetch(serve(lambda handler: handler.send_error(404)))


def test_connection_refused(fetch):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(SourceError, match="Connection refused"):
        fetch(f"http://127.0.0.1:{port}/{{name}}")


def test_no_http(fetch, serve):
    with pytest.raises(SourceError, match="nonsense"):
        fetch(serve(lambda handler: handler.wfile.write(b"nonsense\r\n\r\n")))


def test_file_larger_than_pinned(fetch, serve, send):
    with pytest.raises(SourceError, match=r"letters\.txt is larger than the expected 102,400 bytes"):
        fetch(serve(lambda handler: send(handler, CONTENT + b"more")))


def test_truncated_download(fetch, serve, send):
    content, _ = fetch(serve(lambda handler: send(handler, CONTENT[:-1], length=len(CONTENT))))
    assert content == CONTENT[:-1]


def test_connect_timeout_value():
    assert address.CONNECT_SECONDS == 5


def test_response_timeout(fetch, monkeypatch):
    monkeypatch.setattr(address, "CONNECT_SECONDS", 0.3)
    mute = socket.create_server(("127.0.0.1", 0))
    with mute, pytest.raises(SourceError, match=r"no answer within 0.3 s"):
        fetch(f"http://127.0.0.1:{mute.getsockname()[1]}/{{name}}")


def test_slow_response_headers(fetch, serve, monkeypatch):
    """Tests an answer that arrives byte by byte: no single read times out, but the answer never completes."""
    monkeypatch.setattr(address, "ANSWER_SECONDS", 0.5)

    def drip(handler):
        for letter in b"HTTP/1.0 200 OK\r\nX-Long: " + b"x" * 20:
            handler.wfile.write(bytes([letter]))
            time.sleep(0.1)

    with pytest.raises(SourceError, match=r"no answer within 0.5 s"):
        fetch(serve(drip))


def test_stalled_download(fetch, serve, send, monkeypatch):
    monkeypatch.setattr(address, "CONNECT_SECONDS", 0.3)
    with pytest.raises(SourceError, match=r"no answer within 0.3 s"):
        fetch(serve(lambda handler: (send(handler, CONTENT[:1000], length=len(CONTENT)), time.sleep(2))))


def test_slow_download(fetch, serve, send, monkeypatch):
    monkeypatch.setattr(receive, "WINDOW_SECONDS", 0.3)
    with pytest.raises(SourceError, match="too slow"):
        fetch(serve(lambda handler: send(handler, CONTENT[:100], length=len(CONTENT), piece=1, pause=0.05)))


def test_redirects_are_followed(fetch, serve, send):
    target = serve(lambda handler: send(handler, CONTENT)).format(name="elsewhere")

    def redirect(handler):
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.end_headers()

    assert fetch(serve(redirect))[0] == CONTENT
