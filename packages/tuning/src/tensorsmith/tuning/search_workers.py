"""Processes of a parallel search on one machine: the process that assigns trials (chief), and the workers."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tensorsmith.core import print_text
from tensorsmith.runs import (
    SECONDS_TO_SAVE,
    Process,
    Restarts,
    ask_to_end,
    end_of_log,
    end_processes,
    free_ports,
    signals_like_ctrl_c,
    start_process,
)
from tensorsmith.tuning.workers import LAUNCHER, sign_of_life

RESTARTS = 5  # maximum number of consecutive restarts without a completed trial


class SearchWorkers:
    """Processes of a parallel search. They ignore Ctrl-C, because the launcher asks them to stop.

    Args:
        command: Command that all processes run. Environment variables of keras-tuner specify the role of each process.
        folder: Search folder, to which the workers write their logs.
        lock: File descriptor of the locked search folder. The folder remains locked until the last process has exited.
    """

    def __init__(self, command: Sequence[str], folder: Path, lock: int) -> None:
        (port,) = free_ports(1)
        address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port)}
        self._variables = address | {LAUNCHER: str(os.getpid())}
        self._command = command
        self._folder = folder
        self._lock = lock
        self._started = 0
        self.workers: dict[str, Process] = {}
        self.chief = self._start("chief")

    def start(self) -> None:
        """Starts a worker process with a new name."""
        name = f"worker-{self._started}"
        self._started += 1
        self.workers[name] = self._start(name, self._folder / f"{name}.log")

    def ended(self) -> dict[str, int]:
        """Returns a dict of the exit codes of the workers that have exited since the previous call."""
        codes = {name: process.poll() for name, process in self.workers.items()}
        gone = {name: code for name, code in codes.items() if code is not None}
        for name in gone:
            del self.workers[name]
            sign_of_life(self._folder, name).unlink(missing_ok=True)  # notifies the chief immediately
        return gone

    def end(self, seconds: float = 0.0) -> None:
        """Asks the workers to save their state and exit, and then stops the process that assigns trials."""
        until = time.monotonic() + seconds
        for group in (list(self.workers.values()), [self.chief]):
            ask_to_end(group)
            end_processes(group, until)

    def _start(self, name: str, log: Path | None = None) -> Process:
        return start_process(self._command, self._variables | {"KERASTUNER_TUNER_ID": name}, log, (self._lock,))


def run_search_workers(command: Sequence[str], count: int, folder: Path, lock: int) -> int:
    """Runs a search with `count` workers. If a worker is killed, a new worker resumes its trial.

    Args:
        command: Command that all processes run. It must resume the search in `folder`.
        count: Number of worker processes.
        folder: Folder that contains the files of the hyperparameter search.
        lock: File descriptor of the locked search folder.

    Returns:
        The exit code of the chief, or of a worker that exited with an error.
    """
    processes = SearchWorkers(command, folder, lock)
    restarts = Restarts(RESTARTS, lambda: _done(folder))
    with signals_like_ctrl_c():
        try:
            for _ in range(count):
                processes.start()
            while (code := processes.chief.poll()) is None:
                for name, status in processes.ended().items():
                    if status == 0:  # no trials remain
                        continue
                    number = -status if status < 0 else status - 128  # 128 + signal: the worker saved before it exited
                    if number not in set(signal.Signals):
                        print_text(end_of_log(folder / f"{name}.log"), file=sys.stderr)
                        return status
                    who = f"{name} was killed by {signal.Signals(number).name}"
                    if not restarts.is_allowed():
                        message = f"tensorsmith: {who}; {restarts.count} restarts without a completed trial"
                        print_text(message, file=sys.stderr)
                        return 1
                    print_text(f"{who}; starting another worker", file=sys.stderr)
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
