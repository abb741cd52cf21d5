"""Processes of a parallel search on one machine: the process that assigns trials (chief), and the workers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tensorsmith.core import print_text
from tensorsmith.runs import (
    SECONDS_TO_SAVE,
    end_groups,
    end_of_log,
    free_ports,
    open_log,
    signal_group,
    signals_like_ctrl_c,
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
        self._environment = os.environ | address | {LAUNCHER: str(os.getpid())}
        self._command = command
        self._folder = folder
        self._lock = lock
        self._started = 0
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.chief = subprocess.Popen(command, env=self._named("chief"), start_new_session=True, pass_fds=(lock,))

    def start(self) -> None:
        """Starts a worker process with a new name."""
        name = f"worker-{self._started}"
        self._started += 1
        with open_log(self._folder / f"{name}.log") as log:
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
            for process in group:
                process.terminate()
                signal_group(process.pid, signal.SIGCONT)  # a stopped process receives no other signal
            for process in group:
                try:
                    process.wait(max(until - time.monotonic(), 0.0))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            end_groups([process.pid for process in group])

    def _named(self, name: str) -> dict[str, str]:
        return self._environment | {"KERASTUNER_TUNER_ID": name}


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
    failures, done = 0, _done(folder)
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
                    failures, done = (1, now) if (now := _done(folder)) != done else (failures + 1, done)
                    who = f"{name} was killed by {signal.Signals(number).name}"
                    if failures > RESTARTS:
                        print_text(
                            f"tensorsmith: {who}; {failures - 1} restarts without a completed trial", file=sys.stderr
                        )
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
