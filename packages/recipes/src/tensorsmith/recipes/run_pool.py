"""Several runs at a time, each in a process of its own."""

import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tensorsmith.core import SECONDS_TO_SAVE, signals_like_ctrl_c


def run_in_pool(commands: Mapping[Path, Sequence[str]], parallel: int) -> Iterator[Path]:
    """Run commands in processes of their own, several at a time, and yield the log file of each one that has ended.

    If the user interrupts the iteration, the processes are asked to save a checkpoint and exit.

    Args:
        commands: Mapping from the path of the log file of each command to the arguments of the command. The output of
            the command is written to the log file.
        parallel: Maximum number of processes at a time.

    Yields:
        Path of the log file of each command that has ended, successfully or not.
    """
    waiting = dict(commands)
    running: dict[Path, subprocess.Popen[bytes]] = {}
    with signals_like_ctrl_c():
        try:
            while waiting or running:
                while waiting and len(running) < parallel:
                    log = next(iter(waiting))
                    log.parent.mkdir(parents=True, exist_ok=True)
                    with log.open("a") as file:
                        running[log] = subprocess.Popen(
                            waiting.pop(log), stdout=file, stderr=file, start_new_session=True
                        )
                for log in [log for log, process in running.items() if process.poll() is not None]:
                    del running[log]
                    yield log
                time.sleep(0.05)
        finally:
            _end(running.values())


def _end(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """Ask processes to save a checkpoint and exit, and kill those that do not exit in time."""
    processes = list(processes)
    for process in processes:
        process.terminate()
    until = time.monotonic() + SECONDS_TO_SAVE
    for process in processes:
        try:
            process.wait(max(until - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
