"""Tests that processes of a cluster wait for each other, with real sockets."""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from tensorsmith.runs import free_ports, peers
from tensorsmith.runs.peers import unreachable, wait_for_peers
from tensorsmith.testing import raises_argument_error

WAITING = """
import logging
from tensorsmith.runs import exit_on_sigterm, peers
logging.basicConfig(format="%(message)s")
peers.SECONDS_TO_FIRST_MESSAGE = 0.0
with exit_on_sigterm():
    peers.wait_for_peers({{"worker 1": "localhost:{}"}}, "worker 0", "localhost:{}", 600.0)
"""


HTTP_2 = bytes((0, 0, 35, 4, 0, 0, 0, 0, 0)) + bytes(35)  # as the answer of a TensorFlow server


@pytest.fixture
def addresses():
    return [f"localhost:{port}" for port in free_ports(3)]


@contextlib.contextmanager
def server_at(address, answer):
    """Server that sends an answer to all clients, or never accepts them if the answer is empty."""

    def serve():
        with contextlib.suppress(OSError):
            while True:
                client = server.accept()[0]
                client.sendall(answer)
                clients.append(client)

    clients = []
    with socket.create_server(("", int(address.rpartition(":")[2]))) as server:
        if answer:
            threading.Thread(target=serve, daemon=True).start()
        yield
    for client in clients:
        client.close()


def waiting(addresses, index, done):
    """Starts a thread that waits for the others, and adds the index to `done` afterwards."""

    def wait():
        others = {f"worker {i}": address for i, address in enumerate(addresses) if i != index}
        wait_for_peers(others, f"worker {index}", addresses[index], 60.0)
        done.append(index)
        with server_at(addresses[index], HTTP_2):  # as the server of TensorFlow, which listens there from now on
            ended.wait(60)

    ended = threading.Event()
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread, ended


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
    while len(done) < 3:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert sorted(done) == [0, 1, 2]
    for thread, ended in everyone:
        ended.set()
        thread.join(60)


def test_missing_peer(addresses, monkeypatch, caplog):
    monkeypatch.setattr(peers, "SECONDS_TO_FIRST_MESSAGE", 0.0)
    here, there, missing = addresses
    with server_at(there, HTTP_2), pytest.raises(TimeoutError) as raised:
        wait_for_peers({"worker 1": there, "ps 0": missing}, "worker 0", here, 0.3)
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
        wait_for_peers({"worker 1": addresses[1]}, "worker 0", addresses[0], 60.0)


@pytest.mark.parametrize("answer", [b"HTTP/1.0 400 Bad Request\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", b"\0" * 64])
def test_another_program_at_the_address_of_a_peer(addresses, answer):
    with server_at(addresses[1], answer), pytest.raises(ConnectionError) as raised:
        wait_for_peers({"worker 1": addresses[1]}, "worker 0", addresses[0], 60.0)
    assert f"Another program, which is not a process of the cluster, answers at {addresses[1]}." in str(raised.value)


def test_server_that_never_answers(addresses, monkeypatch):
    monkeypatch.setattr(peers, "SECONDS_TO_ANSWER", 0.1)
    with server_at(addresses[1], b""), pytest.raises(TimeoutError) as raised:
        wait_for_peers({"worker 1": addresses[1]}, "worker 0", addresses[0], 0.3)
    assert f"worker 1 at {addresses[1]} (accepts connections, but does not answer)" in str(raised.value)


def test_own_address_of_another_machine(addresses, monkeypatch):
    """Tests an address of a documentation network, and one that is forwarded to this machine."""
    monkeypatch.setattr(peers, "SECONDS_TO_ANSWER", 0.1)
    own = f"192.0.2.1:{addresses[0].rpartition(':')[2]}"
    expected = "contain an address of this machine for its own task"
    with raises_argument_error("TF_CONFIG", received=f"{own} for worker 3", expected=expected):
        wait_for_peers({"worker 1": addresses[1]}, "worker 3", own, 60.0)
    monkeypatch.setattr(peers, "_is_local", lambda *_: False)
    with server_at(addresses[1], HTTP_2):
        wait_for_peers({"worker 1": addresses[1]}, "worker 0", addresses[0], 60.0)


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
