"""Configuration of a training cluster, read from the environment variable `TF_CONFIG`."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tensorsmith.core.errors import Verbatim, argument_error, check, did_you_mean

if TYPE_CHECKING:
    import tensorflow as tf

JOBS = ("chief", "worker", "ps")
ADDRESS = re.compile(r"[\w.-]+:(\d+)|\[[0-9a-fA-F:]+\]:(\d+)")
FORM = '{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Cluster:
    """Description of a training cluster: its machines, and the task that runs on this machine.

    Args:
        jobs: Mapping from each job ("worker", "chief", or "ps" for parameter servers) to the list of the addresses of
            its machines.
        task: Tuple `(job, index)`: the job of this machine, and the index of its address in `jobs[job]`.

    Raises:
        ValueError: If a job is unknown, an address is invalid or listed more than once, there are no workers, there is
            more than one chief, there are parameter servers without a chief, or `task` is not in the cluster.

    Example:
        >>> from tensorsmith.core import Cluster
        >>> cluster = Cluster({"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, ("worker", 1))
        >>> cluster.chief
        False
        >>> cluster.as_tf_config()
        '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 1}}'
    """

    jobs: Mapping[str, list[str]]
    task: tuple[str, int]

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
        twice = sorted({address for address in everyone if everyone.count(address) > 1})
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
        blocks until all machines are connected, and must precede all other uses of TensorFlow in the process.
        """
        import tensorflow as tf

        if "ps" in self.jobs:
            return tf.distribute.ParameterServerStrategy(self._resolver())
        return tf.distribute.MultiWorkerMirroredStrategy(self._resolver())

    def serve(self) -> None:
        """Run a TensorFlow server that executes operations for the chief machine, until the process is terminated."""
        import tensorflow as tf

        job, index = self.task
        tf.distribute.Server(self._resolver().cluster_spec(), job, index, protocol="grpc").join()

    def _resolver(self) -> "tf.distribute.cluster_resolver.ClusterResolver":
        import tensorflow as tf

        job, index = self.task
        cluster = tf.train.ClusterSpec(dict(self.jobs))
        return tf.distribute.cluster_resolver.SimpleClusterResolver(
            cluster, task_type=job, task_id=index, rpc_layer="grpc"
        )


def cluster_from_environment() -> Cluster | None:
    """Return the cluster that `TF_CONFIG` describes, or `None` if the variable is unset or empty.

    Raises:
        ValueError: If `TF_CONFIG` is not a valid cluster description.

    Example:
        >>> from tensorsmith.core import cluster_from_environment
        >>> cluster_from_environment() is None
        True
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text.strip():
        return None
    try:
        said: Any = json.loads(text)
    except ValueError as error:
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
    return Cluster(cluster, (task["type"], task["index"]))
