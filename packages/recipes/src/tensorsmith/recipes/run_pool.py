"""Several runs at a time, each in a process of its own."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tensorsmith.runs import SECONDS_TO_SAVE, open_log, signals_like_ctrl_c

# -P: modules in the current folder are not imported, as by the command itself.
COMMAND = [sys.executable, "-P", "-c", "from tensorsmith.recipes.run_server import serve; serve()"]


class Server:
    """Process that runs modules, one at a time, each in a process of its own (see `run_server`).

    Args:
        log: Path of the file to which errors of the server itself are appended.
    """

    def __init__(self, log: Path) -> None:
        pipe = subprocess.PIPE
        with open_log(log) as errors:
            self._process = subprocess.Popen(
                COMMAND, stdin=pipe, stdout=pipe, stderr=errors, text=True, start_new_session=True
            )
        assert self._process.stdin
        assert self._process.stdout
        self._commands, self._answers = self._process.stdin, self._process.stdout

    def fileno(self) -> int:
        """Return the file descriptor that is readable when a command has ended."""
        return self._answers.fileno()

    def start(self, log: Path, command: Sequence[str]) -> None:
        """Start a command: the name of a module and its arguments."""
        with contextlib.suppress(BrokenPipeError):  # the server was killed, which `has_survived` reports
            print(json.dumps([str(log), *command]), file=self._commands, flush=True)

    def has_survived(self) -> bool:
        """Return `True` if the server runs further commands, and `False` if it was killed during the last one."""
        return bool(self._answers.readline())

    def ask_to_end(self) -> None:
        """Ask the current run to save a checkpoint and exit, and the server to exit afterwards."""
        with contextlib.suppress(BrokenPipeError):
            self._commands.close()

    def end(self, until: float) -> None:
        """Wait for the end of the server, and kill it after a time given as by `time.monotonic`."""
        try:
            self._process.wait(max(until - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._answers.close()


def run_in_pool(commands: Mapping[Path, Sequence[str]], parallel: int) -> Iterator[Path]:
    """Run modules in processes of their own, several at a time, and yield the log file of each one that has ended.

    If the user interrupts the iteration, the processes are asked to save a checkpoint and exit.

    Args:
        commands: Mapping from the path of a log file to the name of a module, which is run as a script, and its
            arguments. The output is appended to the log file.
        parallel: Maximum number of processes at a time.

    Yields:
        Path of the log file of each command that has ended, successfully or not.
    """
    waiting = list(commands.items())[::-1]
    servers: list[Server] = []
    idle: list[Server] = []
    running: dict[Server, Path] = {}
    with signals_like_ctrl_c():
        try:
            while waiting or running:
                while waiting and len(running) < parallel:
                    log, command = waiting.pop()
                    log.parent.mkdir(parents=True, exist_ok=True)
                    if not idle:
                        idle.append(Server(log))
                        servers.append(idle[-1])
                    server = idle.pop()
                    running[server] = log
                    server.start(log, command)
                for server in select.select(list(running), [], [])[0]:
                    if server.has_survived():
                        idle.append(server)
                    yield running.pop(server)
        finally:
            for server in servers:
                server.ask_to_end()
            until = time.monotonic() + SECONDS_TO_SAVE
            for server in servers:
                server.end(until)
