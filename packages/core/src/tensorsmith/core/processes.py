"""Signal handling and search for free TCP ports, for programs that start subprocesses."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import NoReturn

SECONDS_TO_SAVE = 60.0  # grace period of a training process after it is asked to stop


@contextmanager
def signals_like_ctrl_c() -> Iterator[None]:
    """Context manager that raises KeyboardInterrupt on SIGTERM and SIGHUP, as on SIGINT.

    Example:
        >>> import os, signal
        >>> try:
        ...     with signals_like_ctrl_c():
        ...         os.kill(os.getpid(), signal.SIGTERM)
        ... except KeyboardInterrupt:
        ...     print("saved")
        saved
    """
    signals = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(each, signal.default_int_handler) for each in signals]
    try:
        yield
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)


@contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Context manager that raises SystemExit on SIGTERM, with exit code 143, so that `finally` blocks are executed.

    Outside of the main thread, where signal handlers cannot be set, it does nothing.

    Example:
        >>> import os, signal
        >>> try:
        ...     with exit_on_sigterm():
        ...         os.kill(os.getpid(), signal.SIGTERM)
        ... except SystemExit as error:
        ...     print(error.code)
        143
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def free_ports(count: int) -> list[int]:
    """Return unused TCP ports of this machine.

    Args:
        count: Number of ports to return.

    Example:
        >>> len(set(free_ports(2)))
        2
    """
    with ExitStack() as sockets:
        taken = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in taken:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in taken]
