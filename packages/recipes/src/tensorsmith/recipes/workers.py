"""Worker processes that train together on one machine, and are restarted if one of them is killed."""

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorsmith.core import print_text
from tensorsmith.runs import (
    LAUNCHER_PIPE,
    SECONDS_TO_SAVE,
    Cluster,
    Process,
    Restarts,
    ask_to_end,
    end_groups,
    end_of_log,
    end_processes,
    free_ports,
    signals_like_ctrl_c,
    start_process,
)

RESTARTS = 3  # maximum number of consecutive restarts without a new checkpoint
ENDED = {128 + signal.SIGINT, 128 + signal.SIGTERM}  # exit codes of processes that saved a checkpoint and exited

Task = tuple[str, int]


class Processes:
    """Processes of a cluster, one per task. They ignore Ctrl-C, because the launcher asks them to stop.

    Each process inherits the reading end of a pipe, which tells it when it is not supervised any more (see
    `end_with_launcher`). The launcher holds the writing end. The chief holds that of the processes that serve it, so
    that it can save a checkpoint before they end.

    Args:
        command: Command that all processes run, as a list of arguments.
        cluster: Mapping from job names to lists of addresses.
        logs: Folder for the log files of all processes except the chief.
    """

    def __init__(self, command: Sequence[str], cluster: Mapping[str, list[str]], logs: Path) -> None:
        self._command = command
        self._cluster = cluster
        self._logs = logs
        self._running: dict[Task, Process] = {}
        self._pipe, self._pipe_of_servers = os.pipe(), os.pipe()

    def start_all(self) -> None:
        """Start the processes of all tasks."""
        for job, addresses in self._cluster.items():
            for index in range(len(addresses)):
                self.start((job, index))

    def start(self, task: Task) -> None:
        """Start the process of a task. The children of its previous process are ended."""
        if task in self._running:
            end_groups([self._running[task].pid])
        cluster = Cluster(self._cluster, task)
        reading, writing = self._pipe_of_servers
        inherited = (reading,) if cluster.serves else (self._pipe[0], writing) if cluster.chief else (self._pipe[0],)
        variables = {"TF_CONFIG": cluster.as_tf_config(), LAUNCHER_PIPE: str(inherited[0])}
        log = None if cluster.chief else self.log(task)
        self._running[task] = start_process(self._command, variables, log, inherited)

    def log(self, task: Task) -> Path:
        """Return the path of the log file of a task."""
        return self._logs / f"{task[0]}-{task[1]}.log"

    def codes(self) -> dict[Task, int]:
        """Return a dict that maps tasks to exit codes, for all processes that have exited."""
        codes = {task: process.poll() for task, process in self._running.items()}
        return {task: code for task, code in codes.items() if code is not None}

    def __len__(self) -> int:
        return len(self._running)

    def end(self, seconds: float = 0.0) -> None:
        """Ask the training processes to save a checkpoint and exit, and kill all that remain after `seconds`."""
        serving = {task: Cluster(self._cluster, task).serves for task in self._running}
        training = [process for task, process in self._running.items() if not serving[task]]
        until = time.monotonic() + seconds
        if seconds:
            ask_to_end(training)
        end_processes(training, until)
        end_processes([process for task, process in self._running.items() if serving[task]])

    def close(self) -> None:
        """End the processes that are still running, also those that they have started, and close the pipes."""
        self.end()
        for descriptor in (*self._pipe, *self._pipe_of_servers):
            os.close(descriptor)


def run_workers(command: Sequence[str], folder: Path, *, workers: int, servers: int = 0) -> int:
    """Run a command in several processes that train together, optionally with parameter servers.

    If a training process or a parameter server is killed, all processes restart. A worker of parameter servers is
    restarted alone. If the launcher is killed, processes that have called `tensorsmith.runs.end_with_launcher` receive
    SIGTERM.

    Args:
        command: Command that all processes run. The command must resume training if the run folder contains a
            checkpoint.
        folder: Run folder, which contains the folder `checkpoints`.
        workers: Number of worker processes.
        servers: Number of parameter server processes.

    Returns:
        The exit code: 0, or that of a process that exited with an error.
    """
    restarts = Restarts(RESTARTS, lambda: _newest(folder))
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
                    raise KeyboardInterrupt  # if one process was asked to stop, stop all of them
            except KeyboardInterrupt:
                processes.end(SECONDS_TO_SAVE)
                raise
            finally:
                processes.close()
        if not any(codes.values()):
            return 0
        killed = [task for task, code in codes.items() if code < 0]
        if not killed:
            task, code = next((task, code) for task, code in codes.items() if code)
            if said := end_of_log(processes.log(task)):
                print_text(said, file=sys.stderr)
            return code
        who = f"{killed[0][0]} {killed[0][1]} was killed by {signal.Signals(-codes[killed[0]]).name}"
        if not restarts.is_allowed():
            print_text(f"tensorsmith: {who}; {restarts.count} restarts without a new checkpoint", file=sys.stderr)
            return 1
        print_text(f"{who}; restarting all processes from the last checkpoint", file=sys.stderr)


def _wait(processes: Processes, has_servers: bool) -> dict[Task, int]:
    """Wait until a process fails, the coordinator finishes or all processes exit, and return the exit codes."""
    while True:
        codes = processes.codes()
        if has_servers:
            for task in [task for task, code in codes.items() if task[0] == "worker" and code < 0]:
                print_text(f"worker {task[1]} was killed; restarting it", file=sys.stderr)
                processes.start(task)
                del codes[task]
        if any(codes.values()) or ("chief", 0) in codes or len(codes) == len(processes):
            return codes
        time.sleep(0.1)


def _newest(folder: Path) -> str:
    return max((path.name for path in (folder / "checkpoints").glob("epoch-*")), default="")
