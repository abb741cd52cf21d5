"""Waiting for the other processes of a cluster, with messages, a time limit and working signals.

TensorFlow waits for them inside a C++ call, silently and without a limit, in which neither signals nor other Python
threads are handled. The processes are therefore awaited with sockets before TensorFlow connects to them.
"""

import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterator, Mapping

from tensorsmith.core.errors import argument_error

SECONDS_TO_WAIT = 600.0
SECONDS_TO_FIRST_MESSAGE = 5.0
SECONDS_BETWEEN_MESSAGES = 60.0
SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_TO_ANSWER = 1.0

log = logging.getLogger("tensorsmith.core")


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


def wait_for_peers(peers: Mapping[str, str], address: str, timeout: float) -> None:
    """Wait until all peers accept connections in the same moment, and accept theirs in the meantime.

    Each process listens at its address while it waits, so that processes that wait for each other see each other.
    Afterwards, the TensorFlow server of the process listens there. In the short time in between, its peers continue to
    wait.

    Args:
        peers: Mapping from the names of other processes to their addresses.
        address: Address of this process.
        timeout: Maximum time to wait, in seconds.

    Raises:
        TimeoutError: If a peer is still missing after `timeout` seconds.
        ArgumentError: If another program uses the port of this process.
    """
    with _listener(address) as accept_all:

        def missing() -> str:
            accept_all()
            reasons = {name: unreachable(where) for name, where in peers.items()}
            return ", ".join(f"{name} at {peers[name]} ({reason})" for name, reason in reasons.items() if reason)

        wait_for(missing, timeout, "Start it, and check that all processes have the same addresses in TF_CONFIG.")


def unreachable(address: str) -> str:
    """Return the reason why no process accepts connections at `HOST:PORT`, or an empty string if one does."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_ANSWER) as connection:
            # Linux may choose the unused local port itself as the source port, which connects the socket to itself.
            return "Connection refused" if connection.getsockname() == connection.getpeername() else ""
    except OSError as error:
        return error.strerror or str(error)


@contextlib.contextmanager
def _listener(address: str) -> Iterator[Callable[[], None]]:
    """Listen at the port of an address, and yield a function that accepts and closes all waiting connections."""
    port = int(address.rpartition(":")[2])
    both = socket.has_dualstack_ipv6()
    try:
        server = socket.create_server(
            ("", port), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both
        )
    except OSError as error:
        expected = "an address of this machine whose port is not in use"
        raise argument_error("TF_CONFIG", address, expected, error.strerror or str(error)) from error

    def accept_all() -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                server.accept()[0].close()

    with server:
        server.setblocking(False)
        yield accept_all
