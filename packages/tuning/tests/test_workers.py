"""Tests of the detection of dead workers."""

import http.server
import os
import signal
import threading
import time
import types
from concurrent import futures

import grpc
import pytest

from tensorsmith.runs import alone_in, free_ports, peers
from tensorsmith.testing import raises_argument_error
from tensorsmith.tuning import workers
from tensorsmith.tuning.workers import (
    LAUNCHER,
    Beat,
    Oversight,
    end_without_launcher,
    serve,
    sign_of_life,
    wait_for_chief,
)


class Oracle:
    """Fake oracle with two workers that have asked for trials."""

    def __init__(self):
        self.tuner_ids = {"a", "b"}
        self.given_up = []

    def give_up(self, worker):
        self.tuner_ids.discard(worker)
        self.given_up.append(worker)
        return "7" if worker == "a" else None


@pytest.fixture
def oracle():
    return Oracle()


@pytest.fixture
def clock(monkeypatch):
    """Returns a fake clock that tests can set."""
    clock = types.SimpleNamespace(now=1000.0)
    monkeypatch.setattr(workers.time, "monotonic", lambda: clock.now)
    return clock


def touch(folder, worker, when):
    path = sign_of_life(folder, worker)
    path.parent.mkdir(exist_ok=True)
    path.touch()
    os.utime(path, (when, when))


def test_stale_heartbeat(tmp_path, oracle, clock, caplog):
    oversight = Oversight(tmp_path, oracle)
    for second in range(40):
        clock.now = 1000.0 + second
        touch(tmp_path, "a", 5)  # the machine has a wrong clock and has stopped
        touch(tmp_path, "b", 5 + second)
        gone = oversight.look()
        assert gone == (["a"] if second == 31 else [])
        if second == 31:
            assert not sign_of_life(tmp_path, "a").exists()
    assert caplog.messages == ["lost a; trial 7 will be reassigned"]


def test_removed_heartbeat_file(tmp_path, oracle, clock):
    touch(tmp_path, "a", 5)
    assert Oversight(tmp_path, oracle).look() == ["b"]
    assert oracle.given_up == ["b"]


def test_beat(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "SECONDS_BETWEEN_BEATS", 0.01)
    beat = Beat(tmp_path, "a")
    path = sign_of_life(tmp_path, "a")
    os.utime(path, (5, 5))
    wait_until(lambda: path.stat().st_mtime > 5)
    beat.stop()
    assert not path.exists()


def test_worker_exits_after_trial_reassignment(tmp_path, monkeypatch):
    """Tests that a worker exits when its trial has been reassigned."""
    monkeypatch.setattr(workers, "SECONDS_BETWEEN_BEATS", 0.01)
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append("ends"))
    try:
        Beat(tmp_path, "a")
        sign_of_life(tmp_path, "a").unlink()
        wait_until(lambda: heard)
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture
def asked_to_end():
    """Returns a list with an entry for each SIGTERM received."""
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append("ends"))
    yield heard
    signal.signal(signal.SIGTERM, before)


def test_worker_exits_without_launcher(tmp_path, monkeypatch, asked_to_end):
    monkeypatch.setattr(workers, "SECONDS_BETWEEN_BEATS", 0.01)
    monkeypatch.setenv(LAUNCHER, str(os.getpid()))  # not the ID of the parent process
    Beat(tmp_path, "a")
    wait_until(lambda: asked_to_end)


def test_worker_with_running_launcher_continues(monkeypatch, asked_to_end):
    monkeypatch.delenv(LAUNCHER, raising=False)
    assert not end_without_launcher()
    monkeypatch.setenv(LAUNCHER, str(os.getppid()))
    assert not end_without_launcher()
    assert not asked_to_end


def test_concurrent_searches(tmp_path):
    refused = raises_argument_error(
        "out", received="in which another search is running", expected="a folder that no other search uses"
    )
    with alone_in(tmp_path, "search"), refused, alone_in(tmp_path, "search"):
        pass
    with alone_in(tmp_path, "search"):
        pass


def test_serve_returns_when_workers_are_dismissed(monkeypatch):
    """Tests that assigning trials ends before the loop of keras-tuner does."""
    monkeypatch.setattr(workers, "SECONDS_BETWEEN_BEATS", 0.01)
    oracle = types.SimpleNamespace(all_dismissed=False, tuner_ids={"a"})
    looks = []

    def look():
        looks.append(1)
        oracle.all_dismissed = True

    serve(lambda: time.sleep(60), oracle, [look], 60.0)
    assert looks == [1]


def test_serve_propagates_errors():
    def run():
        raise OSError("the port is taken")

    with pytest.raises(OSError, match="the port is taken"):
        serve(run, types.SimpleNamespace(all_dismissed=False, tuner_ids=set()), [], 60.0)


def test_chief_without_workers(monkeypatch, caplog):
    """Tests that the chief reports that it waits, and gives up."""
    monkeypatch.delenv(LAUNCHER, raising=False)
    monkeypatch.setattr(peers, "SECONDS_TO_FIRST_MESSAGE", 0.0)
    oracle = types.SimpleNamespace(all_dismissed=False, tuner_ids=set())
    with pytest.raises(TimeoutError, match=r"Waited 0\.5 seconds for a worker\. Start processes"):
        serve(lambda: time.sleep(60), oracle, [], 0.5)
    assert "Waiting for a worker." in caplog.text


@pytest.mark.parametrize("name", ["worker-0", "chief"])
def test_worker_without_chief(name, monkeypatch):
    monkeypatch.delenv(LAUNCHER, raising=False)
    (port,) = free_ports(1)
    for variable, value in (("TUNER_ID", name), ("ORACLE_IP", "127.0.0.1"), ("ORACLE_PORT", str(port))):
        monkeypatch.setenv(f"KERASTUNER_{variable}", value)
    if name == "chief":
        wait_for_chief(0.5)
        return
    with pytest.raises(TimeoutError, match=f"Waited 0.5 seconds for the chief at 127.0.0.1:{port}"):
        wait_for_chief(0.5)
    server = grpc.server(futures.ThreadPoolExecutor())
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    wait_for_chief(60.0)
    server.stop(None).wait()
    with http.server.HTTPServer(("127.0.0.1", port), http.server.BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.handle_request, daemon=True).start()
        with pytest.raises(ConnectionError, match=f"Another program.* answers at 127.0.0.1:{port}"):
            wait_for_chief(60.0)


def wait_until(condition):
    until = time.perf_counter() + 60
    while not condition():
        assert time.perf_counter() < until
        time.sleep(0.01)
