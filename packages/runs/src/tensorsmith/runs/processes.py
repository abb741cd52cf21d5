"""Signal handling, end with a launcher, and search for free TCP ports, for programs that start subprocesses."""

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any, NoReturn

LAUNCHER_PIPE = "TENSORSMITH_LAUNCHER_PIPE"  # environment variable with a file descriptor
SECONDS_TO_SAVE = 60.0  # grace period of a training process after it is asked to stop
SECONDS_FOR_CHILDREN = 1.0  # grace period of other processes that it has started


@contextmanager
def handlers(handler: Any, *signals: signal.Signals) -> Iterator[None]:
    """Context manager that sets the handler of signals.

    Outside of the main thread, where signal handlers cannot be set, it does nothing.

    Args:
        handler: Handler, as in `signal.signal`.
        signals: Signals for which the handler is set.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [signal.signal(each, handler) for each in signals]
    try:
        yield
    finally:
        for each, previous in zip(signals, before, strict=True):
            # None stands for a handler that was not set by Python, such as that of TensorFlow.
            signal.signal(each, signal.SIG_DFL if previous is None else previous)


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
    with handlers(signal.default_int_handler, signal.SIGTERM, signal.SIGHUP):
        yield


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

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    with handlers(leave, signal.SIGTERM):
        yield


def end_with_launcher() -> bool:
    """Terminate this process when its launcher has ended, and return `True` if it has a launcher.

    The environment variable `TENSORSMITH_LAUNCHER_PIPE` is the file descriptor of a pipe to which only the launcher can
    write.

    Example:
        >>> from tensorsmith.runs import end_with_launcher
        >>> end_with_launcher()
        False
    """
    descriptor = os.environ.pop(LAUNCHER_PIPE, "")  # not valid in processes that this one starts
    if descriptor:
        end_on_hangup(int(descriptor))
    return bool(descriptor)


def end_on_hangup(descriptor: int) -> None:
    """Start a thread that sends SIGTERM to this process when nobody can write to a pipe any more.

    The kernel closes the writing end even if its owner is killed by SIGKILL. (The parent-death signal of Linux is
    bound to the thread that started the process, and has no equivalent on other systems.) A process that has not
    ended after the time to save a checkpoint is killed.

    Args:
        descriptor: File descriptor of the reading end of the pipe.
    """
    poll = select.poll()
    poll.register(descriptor, 0)  # only hangups are reported, and nothing is read

    def watch() -> None:
        poll.poll()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(SECONDS_TO_SAVE)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="launcher", daemon=True).start()


def signal_group(leader: int, number: int) -> bool:
    """Send a signal to the processes of a group, also if its leader has ended. Return `False` if there are none.

    Args:
        leader: Process ID of a child that was started with `start_new_session=True`.
        number: Signal, or 0 to test only if there are processes.

    Example:
        >>> import signal, subprocess
        >>> child = subprocess.Popen(["sleep", "9"], start_new_session=True)
        >>> signal_group(child.pid, signal.SIGTERM), child.wait()
        (True, -15)
        >>> signal_group(child.pid, signal.SIGTERM)
        False
    """
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):  # macOS reports the latter for processes that have ended
        return False
    return True


def end_groups(leaders: Sequence[int]) -> None:
    """End the remaining processes of groups whose leaders have ended, such as the children of a script.

    The processes receive SIGTERM and, after one second, SIGKILL.

    Args:
        leaders: Process IDs of the leaders.
    """
    until = time.monotonic() + SECONDS_FOR_CHILDREN
    remaining = [leader for leader in leaders if signal_group(leader, signal.SIGTERM)]
    while remaining and time.monotonic() < until:
        time.sleep(0.05)
        remaining = [leader for leader in remaining if signal_group(leader, 0)]
    for leader in remaining:
        signal_group(leader, signal.SIGKILL)


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
