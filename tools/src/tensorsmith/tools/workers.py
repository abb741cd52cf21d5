"""Several workers of one run on this machine, which live and die together."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import IO

from tensorsmith.core import Cluster

RESTARTS = 3  # in a row, without a new checkpoint
SECONDS_TO_SAVE = 60.0  # for workers, once they are asked to end


class Workers:
    """The processes of one attempt, which Ctrl-C does not reach: whoever started them passes it on, once.

    Args:
        command: What each of them runs.
        count: How many there are.
        logs: A folder for what all but the first print.
    """

    def __init__(self, command: Sequence[str], count: int, logs: Path) -> None:
        addresses = [f"localhost:{port}" for port in free_ports(count)]
        self._files = ExitStack()
        self._processes = []
        for index in range(count):
            environment = os.environ | {"TF_CONFIG": Cluster({"worker": addresses}, ("worker", index)).as_tf_config()}
            log: IO[str] | None = None
            if index:
                log = self._files.enter_context((logs / f"worker-{index}.log").open("a"))
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
            self._processes.append(process)

    def wait(self) -> list[int | None]:
        """Waits until all have ended or one has failed: their exit codes, None for those that still run."""
        while True:
            codes = [process.poll() for process in self._processes]
            if None not in codes or any(codes):
                return codes
            time.sleep(0.1)

    def ask_to_end(self) -> None:
        """Has them save and end."""
        for process in self._processes:
            process.terminate()

    def end(self, seconds: float = 0.0) -> None:
        """Ends those that still run after some time: who waits for a worker that has gone would wait for ever."""
        until = time.monotonic() + seconds
        for process in self._processes:
            try:
                process.wait(max(until - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._files.close()


def run_workers(command: Sequence[str], count: int, folder: Path) -> int:
    """Runs a command as so many workers; when one of them is killed, starts all of them again.

    Args:
        command: Goes on from its last checkpoint where there is one.
        count: Workers.
        folder: The run folder, with `checkpoints` in it.

    Returns:
        The exit code: 0, or that of a worker which gave up by itself.
    """
    failures, newest = 0, _newest(folder)
    while True:
        workers = Workers(command, count, folder)
        before = signal.signal(signal.SIGTERM, _interrupt)
        try:
            codes = workers.wait()
        except KeyboardInterrupt:
            workers.ask_to_end()
            workers.end(SECONDS_TO_SAVE)
            raise
        finally:
            signal.signal(signal.SIGTERM, before)
            workers.end()
        if not any(codes):
            return 0
        killed = [index for index, code in enumerate(codes) if code is not None and code < 0]
        if not killed:
            index, code = next((index, code) for index, code in enumerate(codes) if code)
            if index:
                print((folder / f"worker-{index}.log").read_text()[-2000:], file=sys.stderr)
            return code
        failures, newest = (1, now) if (now := _newest(folder)) != newest else (failures + 1, newest)
        who = f"worker {killed[0]} was ended by {signal.Signals(-(codes[killed[0]] or 0)).name}"
        if failures > RESTARTS:
            print(f"tensorsmith: {who}, for the {failures}th time without a new checkpoint", file=sys.stderr)
            return 1
        print(f"{who}; all start again from the last checkpoint", file=sys.stderr)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    with ExitStack() as sockets:
        taken = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in taken:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in taken]


def _newest(folder: Path) -> str:
    return max((path.name for path in (folder / "checkpoints").glob("epoch-*")), default="")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
