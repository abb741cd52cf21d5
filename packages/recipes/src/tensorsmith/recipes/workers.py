"""The processes of one run on this machine, which are started again when one of them is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tensorsmith.core import SECONDS_TO_SAVE, Cluster, free_ports, signals_like_ctrl_c

RESTARTS = 3  # in a row, without a new checkpoint
ENDED = {128 + signal.SIGINT, 128 + signal.SIGTERM}  # exit codes of those that saved and ended

Task = tuple[str, int]


class Processes:
    """One for each task of a cluster. Ctrl-C does not reach them: whoever started them passes it on, once.

    Args:
        command: What each of them runs.
        cluster: Jobs to addresses.
        logs: A folder for what all but the leading one print.
    """

    def __init__(self, command: Sequence[str], cluster: Mapping[str, list[str]], logs: Path) -> None:
        self._command = command
        self._cluster = cluster
        self._logs = logs
        self._running: dict[Task, subprocess.Popen[bytes]] = {}

    def start_all(self) -> None:
        """Starts the process of each task."""
        for job, addresses in self._cluster.items():
            for index in range(len(addresses)):
                self.start((job, index))

    def start(self, task: Task) -> None:
        """Starts the process of a task."""
        cluster = Cluster(self._cluster, task)
        environment = os.environ | {"TF_CONFIG": cluster.as_tf_config()}
        with ExitStack() as stack:
            log = None if cluster.chief else stack.enter_context(self.log(task).open("a"))
            self._running[task] = subprocess.Popen(
                self._command, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def log(self, task: Task) -> Path:
        """The file of what a task prints."""
        return self._logs / f"{task[0]}-{task[1]}.log"

    def codes(self) -> dict[Task, int]:
        """The exit codes of the tasks that have ended."""
        codes = {task: process.poll() for task, process in self._running.items()}
        return {task: code for task, code in codes.items() if code is not None}

    def __len__(self) -> int:
        return len(self._running)

    def ask_to_end(self) -> None:
        """Has those that train save and end."""
        for task, process in self._running.items():
            if not Cluster(self._cluster, task).serves:
                process.terminate()

    def end(self, seconds: float = 0.0) -> None:
        """Waits so long for those that train, and ends all others: who waits for one that has gone waits for ever."""
        until = time.monotonic() + seconds
        for task, process in self._running.items():
            try:
                process.wait(0.0 if Cluster(self._cluster, task).serves else max(until - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def run_workers(command: Sequence[str], folder: Path, *, workers: int, servers: int = 0) -> int:
    """Runs a command as so many workers that train together, or as a chief with so many parameter servers besides.

    When one that trains or holds weights is killed, all start again; a worker of parameter servers does so alone.

    Args:
        command: Goes on from its last checkpoint where there is one.
        folder: The run folder, with `checkpoints` in it.
        workers: How many there are.
        servers: How many parameter servers there are.

    Returns:
        The exit code: 0, or that of a process which gave up by itself.
    """
    failures, newest = 0, _newest(folder)
    jobs = {"chief": 1, "worker": workers, "ps": servers} if servers else {"worker": workers}
    while True:
        ports = iter(free_ports(sum(jobs.values())))
        cluster = {job: [f"localhost:{next(ports)}" for _ in range(count)] for job, count in jobs.items()}
        processes = Processes(command, cluster, folder)
        with signals_like_ctrl_c():
            try:
                processes.start_all()
                codes = _wait(processes, servers > 0)
                if ENDED.intersection(codes.values()):
                    raise KeyboardInterrupt  # one was asked to end, and all of them do so together
            except KeyboardInterrupt:
                processes.ask_to_end()
                processes.end(SECONDS_TO_SAVE)
                raise
            finally:
                processes.end()
        if not any(codes.values()):
            return 0
        killed = [task for task, code in codes.items() if code < 0]
        if not killed:
            task, code = next((task, code) for task, code in codes.items() if code)
            if processes.log(task).exists():
                print(processes.log(task).read_text()[-2000:], file=sys.stderr)
            return code
        failures, newest = (1, now) if (now := _newest(folder)) != newest else (failures + 1, newest)
        who = f"{killed[0][0]} {killed[0][1]} was ended by {signal.Signals(-codes[killed[0]]).name}"
        if failures > RESTARTS:
            print(f"tensorsmith: {who}, for the {failures}th time without a new checkpoint", file=sys.stderr)
            return 1
        print(f"{who}; all start again from the last checkpoint", file=sys.stderr)


def _wait(processes: Processes, has_servers: bool) -> dict[Task, int]:
    """The exit codes once all, or one that the others cannot do without, have ended."""
    while True:
        codes = processes.codes()
        if has_servers:
            for task in [task for task, code in codes.items() if task[0] == "worker" and code < 0]:
                print(f"worker {task[1]} was ended; another takes its place", file=sys.stderr)
                processes.start(task)
                del codes[task]
        if any(codes.values()) or ("chief", 0) in codes or len(codes) == len(processes):
            return codes
        time.sleep(0.1)


def _newest(folder: Path) -> str:
    return max((path.name for path in (folder / "checkpoints").glob("epoch-*")), default="")
