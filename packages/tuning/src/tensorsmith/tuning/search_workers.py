"""A chief and several workers of one search on this machine: keras-tuner's processes, and who looks after them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tensorsmith.core import SECONDS_TO_SAVE, free_ports, signals_like_ctrl_c
from tensorsmith.tuning.workers import LAUNCHER, sign_of_life

RESTARTS = 5  # in a row, without a trial that ended


class SearchWorkers:
    """The processes, which Ctrl-C does not reach: whoever started them passes it on, once.

    Args:
        command: What each of them runs; keras-tuner's environment variables tell them apart.
        folder: Of the search; what workers print goes there.
        lock: The folder's file descriptor: it stays locked until the last of them has ended.
    """

    def __init__(self, command: Sequence[str], folder: Path, lock: int) -> None:
        (port,) = free_ports(1)
        address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port)}
        self._environment = os.environ | address | {LAUNCHER: str(os.getpid())}
        self._command = command
        self._folder = folder
        self._lock = lock
        self._started = 0
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.chief = subprocess.Popen(command, env=self._named("chief"), start_new_session=True, pass_fds=(lock,))

    def start(self) -> None:
        """Starts a worker with a name of its own."""
        name = f"worker-{self._started}"
        self._started += 1
        with (self._folder / f"{name}.log").open("a") as log:
            environment = self._named(name)
            self.workers[name] = subprocess.Popen(
                self._command,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(self._lock,),
            )

    def ended(self) -> dict[str, int]:
        """Takes those workers off that have ended since the last call, and returns their exit codes."""
        codes = {name: process.poll() for name, process in self.workers.items()}
        gone = {name: code for name, code in codes.items() if code is not None}
        for name in gone:
            del self.workers[name]
            sign_of_life(self._folder, name).unlink(missing_ok=True)  # so that the chief knows at once
        return gone

    def end(self, seconds: float = 0.0) -> None:
        """Asks the workers to save and end, then the chief, to whom they may have something to say."""
        until = time.monotonic() + seconds
        for group in (list(self.workers.values()), [self.chief]):
            for process in group:
                process.terminate()
            for process in group:
                try:
                    process.wait(max(until - time.monotonic(), 0.0))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _named(self, name: str) -> dict[str, str]:
        return self._environment | {"KERASTUNER_TUNER_ID": name}


def run_search_workers(command: Sequence[str], count: int, folder: Path, lock: int) -> int:
    """Runs a search in so many workers; for one that is killed another starts, and goes on inside its trial.

    Args:
        command: Goes on with the search in the folder.
        count: Workers.
        folder: Of the search.
        lock: The folder's file descriptor.

    Returns:
        The exit code: the chief's, or that of a worker which gave up by itself.
    """
    processes = SearchWorkers(command, folder, lock)
    failures, done = 0, _done(folder)
    with signals_like_ctrl_c():
        try:
            for _ in range(count):
                processes.start()
            while (code := processes.chief.poll()) is None:
                for name, status in processes.ended().items():
                    if status == 0:  # nothing is left to do
                        continue
                    number = -status if status < 0 else status - 128  # 128 and more: it saved before it ended
                    if number not in set(signal.Signals):
                        print((folder / f"{name}.log").read_text()[-2000:], file=sys.stderr)
                        return status
                    failures, done = (1, now) if (now := _done(folder)) != done else (failures + 1, done)
                    who = f"{name} was ended by {signal.Signals(number).name}"
                    if failures > RESTARTS:
                        print(
                            f"tensorsmith: {who}, for the {failures}th time without a trial that ended", file=sys.stderr
                        )
                        return 1
                    print(f"{who}; another takes its place", file=sys.stderr)
                    processes.start()
                time.sleep(0.1)
            return code
        except KeyboardInterrupt:
            processes.end(SECONDS_TO_SAVE)
            raise
        finally:
            processes.end()


def _done(folder: Path) -> int:
    return len(list(folder.glob("trial_*/result.json")))
