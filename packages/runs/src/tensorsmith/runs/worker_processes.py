"""Worker processes of a launcher: start, end and restarts."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tensorsmith.runs.logs import open_log
from tensorsmith.runs.processes import end_groups, signal_group

Process = subprocess.Popen[bytes]  # process that `start_process` has started


def start_process(
    command: Sequence[str], variables: Mapping[str, str], log: Path | None = None, inherited: Sequence[int] = ()
) -> Process:
    """Start a process in a session of its own, so that it ignores Ctrl-C, which its launcher handles.

    Args:
        command: Command to run, as a list of arguments.
        variables: Environment variables, in addition to those of this process.
        log: Path of the file to which the output is appended. If `None`, it is that of this process.
        inherited: File descriptors that the process inherits.
    """
    with ExitStack() as stack:
        output = None if log is None else stack.enter_context(open_log(log))
        return subprocess.Popen(
            command,
            env=os.environ | variables,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=tuple(inherited),
        )


def ask_to_end(processes: Sequence[Process]) -> None:
    """Ask processes to save a checkpoint and exit."""
    for process in processes:
        process.terminate()
        signal_group(process.pid, signal.SIGCONT)  # a stopped process receives no other signal


def end_processes(processes: Sequence[Process], until: float = 0.0) -> None:
    """Wait for the end of processes, then kill those that remain, and the processes that they have started.

    Args:
        processes: Processes that were started by `start_process`.
        until: Time, as given by `time.monotonic`, until which this function waits.
    """
    for process in processes:
        try:
            process.wait(max(until - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    end_groups([process.pid for process in processes])


class Restarts:
    """Number of consecutive restarts of killed processes without progress in between.

    Args:
        most: Maximum number of such restarts.
        progress: Function that returns a value which changes when there is progress, such as the newest checkpoint.

    Example:
        >>> restarts = Restarts(2, progress=lambda: "epoch-1")
        >>> [restarts.is_allowed() for _ in range(3)], restarts.count
        ([True, True, False], 2)
    """

    def __init__(self, most: int, progress: Callable[[], object]) -> None:
        self.count = 0
        self._most = most
        self._progress = progress
        self._before = progress()

    def is_allowed(self) -> bool:
        """Return `True`, and count a restart, unless the maximum is reached."""
        now = self._progress()
        if now != self._before:
            self.count, self._before = 0, now
        if self.count == self._most:
            return False
        self.count += 1
        return True
