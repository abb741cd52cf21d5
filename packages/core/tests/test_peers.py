"""Tests that processes of a cluster wait for each other, with real sockets."""

import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from tensorsmith.core import free_ports, peers
from tensorsmith.core.peers import unreachable, wait_for_peers
from tensorsmith.testing import raises_argument_error

WAITING = """
import logging
from tensorsmith.core import exit_on_sigterm, peers
logging.basicConfig(format="%(message)s")
peers.SECONDS_TO_FIRST_MESSAGE = 0.0
with exit_on_sigterm():
    peers.wait_for_peers({{"worker 1": "localhost:{}"}}, "localhost:{}", 600.0)
"""


@pytest.fixture
def addresses():
    return [f"localhost:{port}" for port in free_ports(3)]


def waiting(addresses, index, done):
    """Starts a thread that waits for the others, and adds the index to `done` afterwards."""

    def wait():
        others = {f"worker {i}": address for i, address in enumerate(addresses) if i != index}
        wait_for_peers(others, addresses[index], 60.0)
        done.append(index)
        # As the server of TensorFlow, which listens at the same address from now on.
        server = socket.create_server(("", int(addresses[index].rpartition(":")[2])))
        servers.append(server)

    servers = []
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread, servers


def test_processes_that_wait_for_each_other(addresses):
    """Tests that nobody continues while one is missing, and that all continue when it starts."""
    done = []
    first = [waiting(addresses, index, done) for index in range(2)]
    until = time.monotonic() + 60
    while unreachable(addresses[0]) or unreachable(addresses[1]):  # they see each other, but not the last one
        assert time.monotonic() < until
    first[0][0].join(0.5)
    assert done == []
    everyone = [*first, waiting(addresses, 2, done)]
    for thread, _ in everyone:
        thread.join(60)
    assert sorted(done) == [0, 1, 2]
    for _, servers in everyone:
        servers[0].close()


def test_missing_peer(addresses, monkeypatch, caplog):
    monkeypatch.setattr(peers, "SECONDS_TO_FIRST_MESSAGE", 0.0)
    here, there, missing = addresses
    with socket.create_server(("localhost", int(there.rpartition(":")[2]))), pytest.raises(TimeoutError) as raised:
        wait_for_peers({"worker 1": there, "ps 0": missing}, here, 0.3)
    assert str(raised.value).startswith(f"Waited 0.3 seconds for ps 0 at {missing} (Connection refused). Start it")
    assert caplog.messages == [f"Waiting for ps 0 at {missing} (Connection refused). This process gives up in 0 s."]


def test_interval_of_messages(monkeypatch, caplog):
    """Tests that a message appears after 5 seconds and then every minute, with a clock that sleeping advances."""
    now = [0.0]
    monkeypatch.setattr(peers.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(peers.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    with pytest.raises(TimeoutError, match="Waited 130 seconds for the chief. Start it."):
        peers.wait_for(lambda: "the chief", 130.0, "Start it.")
    assert [message.rpartition("in ")[2] for message in caplog.messages] == ["125 s.", "65 s.", "5 s."]
    assert now[0] == pytest.approx(130.0)


def test_address_in_use(addresses):
    port = int(addresses[0].rpartition(":")[2])
    refused = raises_argument_error("TF_CONFIG", received=addresses[0], expected="whose port is not in use")
    with socket.create_server(("", port)), refused:
        wait_for_peers({"worker 1": addresses[1]}, addresses[0], 60.0)


def test_unknown_host():
    assert unreachable("no-such-host.invalid:2222")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_signal_while_waiting(addresses, number, code):
    ports = [address.rpartition(":")[2] for address in addresses]
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING.format(ports[0], ports[1])], stderr=subprocess.PIPE, text=True
    )
    assert "Waiting for worker 1" in process.stderr.readline()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code
