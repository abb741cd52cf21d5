"""Waiting for the other processes of a cluster, with messages, a time limit and working signals.

TensorFlow waits for them inside a C++ call, silently and without a limit, in which neither signals nor other Python
threads are handled. The processes are therefore awaited with sockets before TensorFlow connects to them.
"""

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from tensorsmith.core import Verbatim, argument_error

SECONDS_TO_WAIT = 600.0  # default time to wait for the other processes of a cluster or search
SECONDS_TO_FIRST_MESSAGE = 5.0
SECONDS_BETWEEN_MESSAGES = 60.0
SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_TO_ANSWER = 1.0
GREETING = b"tensorsmith "  # answer of a process that waits, followed by a number that only this process knows
LONGEST_ANSWER = len(GREETING) + 32  # bytes that are read
# Frames of HTTP/2, the protocol of TensorFlow: the start of a connection, and the first bytes of the answer to it after
# the length of the frame. Other servers answer with something else, or wait for the end of a line.
REQUEST, ANSWER = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)), bytes((4, 0, 0, 0, 0, 0))

log = logging.getLogger("tensorsmith.runs")


def wait_for(missing: Callable[[], str], timeout: float, remedy: str) -> None:
    """Wait until nothing is missing. A message says what is missing after 5 seconds, and then every minute.

    Args:
        missing: Function that returns a description of what is missing, or an empty string.
        timeout: Maximum time to wait, in seconds.
        remedy: Advice for the case that it is still missing then.

    Raises:
        TimeoutError: If something is still missing after `timeout` seconds.

    Example:
        >>> answers = iter(["the chief", ""])
        >>> wait_for(lambda: next(answers), timeout=10, remedy="Start the chief.")
        >>> wait_for(lambda: "the chief", timeout=0.1, remedy="Start the chief.")
        Traceback (most recent call last):
            ...
        TimeoutError: Waited 0.1 seconds for the chief. Start the chief.
    """
    started = time.monotonic()
    next_message = SECONDS_TO_FIRST_MESSAGE
    while what := missing():
        waited = time.monotonic() - started
        if waited >= timeout:
            raise TimeoutError(f"Waited {timeout:g} seconds for {what}. {remedy}")
        if waited >= next_message:
            log.warning("Waiting for %s. This process gives up in %.0f s.", what, timeout - waited)
            next_message += SECONDS_BETWEEN_MESSAGES
        time.sleep(min(SECONDS_BETWEEN_LOOKS, timeout - waited))


def wait_for_peers(peers: Mapping[str, str], name: str, address: str, timeout: float) -> None:
    """Wait until all peers accept connections in the same moment, and accept theirs in the meantime.

    Each process listens at its address while it waits, so that processes that wait for each other see each other.
    Afterwards, the TensorFlow server of the process listens there. In the short time in between, its peers continue to
    wait.

    Args:
        peers: Mapping from the names of other processes to their addresses.
        name: Name of this process.
        address: Address of this process.
        timeout: Maximum time to wait, in seconds.

    Raises:
        TimeoutError: If a peer is still missing after `timeout` seconds.
        ConnectionError: If another program answers at the address of a peer.
        ArgumentError: If another program uses the port of this process, or if its address is that of another machine.
    """
    with _listener(address) as greeting:
        _check_own(name, address, greeting)

        def missing() -> str:
            reasons = {peer: unreachable(where) for peer, where in peers.items()}
            return ", ".join(f"{peer} at {peers[peer]} ({reason})" for peer, reason in reasons.items() if reason)

        wait_for(missing, timeout, "Start it, and check that all processes have the same addresses in TF_CONFIG.")


def unreachable(address: str) -> str:
    """Return the reason why no process of a cluster answers at `HOST:PORT`, or an empty string if one does.

    Raises:
        ConnectionError: If another program answers.
    """
    try:
        answer = _answer(address)
    except OSError as error:
        return error.strerror or str(error)
    if answer.startswith(GREETING) or answer[3:9] == ANSWER:
        return ""
    if answer:
        remedy = "Stop it, or use another address in all processes."
        raise ConnectionError(f"Another program, which is not a process of the cluster, answers at {address}. {remedy}")
    return "accepts connections, but does not answer"


def _answer(address: str) -> bytes:
    """Return the first bytes that the server at an address sends, or an empty string if it sends nothing.

    Raises:
        OSError: If it cannot be reached.
    """
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_ANSWER) as connection:
        # Linux may choose the unused local port itself as the source port, which connects the socket to itself.
        if connection.getsockname() == connection.getpeername():
            raise ConnectionRefusedError("Connection refused")
        answer = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            connection.sendall(REQUEST)
            while len(answer) < LONGEST_ANSWER and (part := connection.recv(LONGEST_ANSWER)):
                answer += part
        return answer


def _check_own(name: str, address: str, greeting: bytes) -> None:
    """Raise an error if the address of this process belongs to another machine.

    Port forwarding may lead from an address of another machine to this process, which receives its greeting then.
    """
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError):  # the name of the host is unknown, which its peers will report
        known = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        if any(_is_local(family, (where[0], 0, *where[2:])) for family, _, _, _, where in known):
            return
        with contextlib.suppress(OSError):
            if _answer(address)[:LONGEST_ANSWER] == greeting:
                return
        received = Verbatim(f"{address} for {name}, the task of this process")
        remedy = "check the index of the task, and the order of the addresses"
        raise argument_error("TF_CONFIG", received, "contain an address of this machine for its own task", remedy)


def _is_local(family: int, address: tuple[str | int, ...]) -> bool:
    """Return `True` if an address is one of this machine."""
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind(address)
        return True
    return False


@contextlib.contextmanager
def _listener(address: str) -> Iterator[bytes]:
    """Context manager that listens at the port of an address, and yields the greeting that it sends to each client."""
    port = int(address.rpartition(":")[2])
    both = socket.has_dualstack_ipv6()
    try:
        server = socket.create_server(
            ("", port), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both
        )
    except OSError as error:
        expected = "an address of this machine whose port is not in use"
        raise argument_error("TF_CONFIG", address, expected, error.strerror or str(error)) from error
    greeting = GREETING + os.urandom(16).hex().encode()
    stopped = threading.Event()

    def greet() -> None:
        while not stopped.is_set():
            with contextlib.suppress(TimeoutError, ConnectionError), server.accept()[0] as client:
                client.settimeout(SECONDS_TO_ANSWER)
                client.sendall(greeting)
                client.shutdown(socket.SHUT_WR)
                while client.recv(64):  # a connection that is closed with unread data is reset
                    pass

    thread = threading.Thread(target=greet, name="greetings", daemon=True)
    with server:
        server.settimeout(SECONDS_BETWEEN_LOOKS)
        thread.start()
        try:
            yield greeting
        finally:
            stopped.set()
            thread.join()
