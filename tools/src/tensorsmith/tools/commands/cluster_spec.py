"""Print what each machine of a cluster has to be told before `run`."""

import argparse
import shlex

from tensorsmith.core import Cluster


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("workers", metavar="HOST:PORT", nargs="+", help="one for each worker")
    parser.add_argument("--chief", metavar="HOST:PORT", help="one that leads; without it the first worker does")
    parser.add_argument(
        "--parameter-servers",
        metavar="HOST:PORT",
        nargs="+",
        help="hold the weights, for workers that train apart",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints a line for each machine."""
    given = {"chief": arguments.chief and [arguments.chief], "worker": arguments.workers}
    jobs = {job: addresses for job, addresses in {**given, "ps": arguments.parameter_servers}.items() if addresses}
    lines = []
    for job, addresses in jobs.items():
        for index, address in enumerate(addresses):
            config = Cluster(jobs, (job, index)).as_tf_config()
            lines.append(f"# on {address.rpartition(':')[0]}, with DIR in a folder that all machines share:")
            lines.append(f"TF_CONFIG={shlex.quote(config)} tensorsmith run NAME --out DIR --resume")
    print("\n".join(lines))
    return 0
