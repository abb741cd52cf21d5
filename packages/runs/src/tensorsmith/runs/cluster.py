"""Configuration of a training cluster, read from the environment variable `TF_CONFIG`."""

import faulthandler
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tensorsmith.core import Verbatim, argument_error, check, did_you_mean
from tensorsmith.runs.peers import SECONDS_TO_WAIT, wait_for_peers
from tensorsmith.runs.processes import handlers
from tensorsmith.core import is_number

if TYPE_CHECKING:
    import tensorflow as tf

JOBS = ("chief", "worker", "ps")
ADDRESS = re.compile(r"[\w.-]+:(\d{1,5})|\[[0-9a-fA-F:]+\]:(\d{1,5})")
SECONDS_TO_CONNECT = 120.0  # of TensorFlow, when all processes are reachable
STDERR = 2  # not `sys.stderr`, which has no file descriptor in notebooks
FORM = '{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Cluster:
    """Description of a training cluster: its machines, and the task that runs on this machine.

    Args:
        jobs: Mapping from each job ("worker", "chief", or "ps" for parameter servers) to the list of the addresses of
            its machines.
        task: Tuple `(job, index)`: the job of this machine, and the index of its address in `jobs[job]`.
        timeout: Maximum time for which `strategy` and `serve` wait for the other machines, in seconds.

    Raises:
        ValueError: If a job is unknown, an address is invalid or listed more than once, there are no workers, there is
            more than one chief, there are parameter servers without a chief, or `task` is not in the cluster.

    Example:
        >>> from tensorsmith.runs import Cluster
        >>> cluster = Cluster({"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, ("worker", 1))
        >>> cluster.chief
        False
        >>> cluster.as_tf_config()
        '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 1}}'
    """

    jobs: Mapping[str, list[str]]
    task: tuple[str, int]
    timeout: float = SECONDS_TO_WAIT

    def __post_init__(self) -> None:
        for job, addresses in self.jobs.items():
            check(job in JOBS, "job", job, f"one of {', '.join(JOBS)}", did_you_mean(str(job), JOBS))
            fits = isinstance(addresses, list) and all(isinstance(each, str) for each in addresses)
            check(fits, job, addresses, 'a list of addresses of the form "HOST:PORT"')
            for address in addresses:
                match = ADDRESS.fullmatch(address)
                port = int(match[1] or match[2]) if match else 0
                check(
                    0 < port < 65536,
                    job,
                    address,
                    "contain only addresses of the form HOST:PORT with a port from 1 to 65535",
                )
        everyone = [address for addresses in self.jobs.values() for address in addresses]
        twice = sorted(address for address, count in Counter(everyone).items() if count > 1)
        check(not twice, "cluster", Verbatim(f"{', '.join(twice)} more than once"), "contain distinct addresses")
        for job in ("worker", *self.jobs):
            check(bool(self.jobs.get(job)), job, self.jobs.get(job), "a list of at least one address")
        check(len(self.jobs.get("chief", [])) <= 1, "chief", self.jobs.get("chief"), "a list of one address")
        served = "ps" not in self.jobs or "chief" in self.jobs
        check(
            served, "chief", None, "set when there are parameter servers", "add a chief, which coordinates the workers"
        )
        job, index = self.task
        known = isinstance(job, str) and job in self.jobs
        check(known, "task type", job, f"one of {', '.join(self.jobs)}", did_you_mean(str(job), self.jobs))
        count = len(self.jobs[job])
        check(is_number(self.timeout) and self.timeout > 0, "timeout", self.timeout, "a positive number of seconds")
        inside = isinstance(index, int) and 0 <= index < count
        check(inside, "task index", index, f"the index of a task of job {job} (an integer from 0 to {count - 1})")

    @property
    def chief(self) -> bool:
        """`True` if this machine is the chief, which writes files and shows progress."""
        return self.task == ("chief" if "chief" in self.jobs else "worker", 0)

    def as_tf_config(self) -> str:
        """Return the value of `TF_CONFIG` for this machine, as a JSON string."""
        job, index = self.task
        return json.dumps({"cluster": dict(self.jobs), "task": {"type": job, "index": index}})

    @property
    def serves(self) -> bool:
        """`True` if this machine is a parameter server, or a worker in a cluster with parameter servers."""
        return "ps" in self.jobs and self.task[0] != "chief"

    def strategy(self) -> "tf.distribute.Strategy":
        """Return the distribution strategy of this cluster.

        With parameter servers it is a `ParameterServerStrategy`, otherwise a `MultiWorkerMirroredStrategy`. The call
        blocks until all machines are connected, and must precede all other uses of TensorFlow in the process. In a
        cluster with parameter servers, only the chief may call it; the other machines call `serve`.

        Raises:
            TimeoutError: If a machine cannot be reached within `timeout` seconds.
            ConnectionError: If another program answers at the address of a machine.
            ValueError: If this machine is a parameter server, or a worker in a cluster with parameter servers, or if
                the address of its task is that of another machine.
        """
        job = self.task[0]
        remedy = "call `cluster.serve()` in processes for which `cluster.serves` is true"
        check(
            not self.serves,
            "task type",
            job,
            "chief to create the strategy of a cluster with parameter servers",
            remedy,
        )
        import tensorflow as tf

        self._wait_for(self.jobs)
        with _connecting():
            if "ps" in self.jobs:
                return tf.distribute.ParameterServerStrategy(self._resolver())
            return tf.distribute.MultiWorkerMirroredStrategy(self._resolver())

    def serve(self) -> None:
        """Run a TensorFlow server that executes operations for the chief machine, until the process is terminated.

        Raises:
            TimeoutError: If the chief cannot be reached within `timeout` seconds.
            ConnectionError: If another program answers at the address of the chief.
            ValueError: If the address of the task of this machine is that of another machine.
        """
        import tensorflow as tf

        self._wait_for(("chief",) if "ps" in self.jobs else self.jobs)
        job, index = self.task
        # The server has nothing to save, and Python handlers are not executed within the C++ call.
        with handlers(signal.SIG_DFL, signal.SIGTERM, signal.SIGINT):
            tf.distribute.Server(self._resolver().cluster_spec(), job, index, protocol="grpc").join()

    def _wait_for(self, jobs: Iterable[str]) -> None:
        """Wait until the other machines with some jobs are reachable."""
        tasks = [(job, index) for job in jobs for index in range(len(self.jobs[job]))]
        peers = {f"{job} {index}": self.jobs[job][index] for job, index in tasks if (job, index) != self.task}
        job, index = self.task
        wait_for_peers(peers, f"{job} {index}", self.jobs[job][index], self.timeout)

    def _resolver(self) -> "tf.distribute.cluster_resolver.ClusterResolver":
        import tensorflow as tf

        job, index = self.task
        cluster = tf.train.ClusterSpec(dict(self.jobs))
        return tf.distribute.cluster_resolver.SimpleClusterResolver(
            cluster, task_type=job, task_id=index, rpc_layer="grpc"
        )


@contextmanager
def _connecting() -> Iterator[None]:
    """Context manager for the call in which TensorFlow connects to other processes, whose reachability is known.

    If one of them ends in this moment, TensorFlow waits forever, and holds the lock of the Python interpreter.
    `faulthandler` is the only watchdog that needs no Python code. TensorFlow also replaces the handler of SIGTERM.
    """
    faulthandler.dump_traceback_later(SECONDS_TO_CONNECT, file=STDERR, exit=True)
    try:
        with handlers(signal.SIG_DFL, signal.SIGTERM, signal.SIGINT):
            yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def cluster_from_environment(timeout: float = SECONDS_TO_WAIT) -> Cluster | None:
    """Return the cluster that `TF_CONFIG` describes, or `None` if the variable is unset or empty.

    Args:
        timeout: Maximum time to wait for the other machines, in seconds.

    Raises:
        ValueError: If `TF_CONFIG` is not a valid cluster description.

    Example:
        >>> from tensorsmith.runs import cluster_from_environment
        >>> cluster_from_environment() is None
        True
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text.strip():
        return None
    try:
        said: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise argument_error("TF_CONFIG", text, f"JSON such as {FORM}", str(error)) from error
    if said == {}:
        return None
    check(isinstance(said, dict), "TF_CONFIG", text, f"JSON such as {FORM}")
    for name in said:
        known = ("cluster", "task", "rpc_layer", "environment")
        check(
            name in known,
            f"TF_CONFIG[{name!r}]",
            said[name],
            "omitted (unknown key)",
            did_you_mean(name, known),
        )
    cluster, task = said.get("cluster"), said.get("task")
    check(
        isinstance(cluster, dict),
        "TF_CONFIG['cluster']",
        cluster,
        "a dict that maps jobs to lists of addresses",
        f"set TF_CONFIG to a value such as {FORM}",
    )
    fits = isinstance(task, dict) and {"type", "index"} <= set(task)
    check(
        fits,
        "TF_CONFIG['task']",
        task,
        "a dict with the type and index of this machine",
        f"set TF_CONFIG to a value such as {FORM}",
    )
    return Cluster(cluster, (task["type"], task["index"]), timeout)
