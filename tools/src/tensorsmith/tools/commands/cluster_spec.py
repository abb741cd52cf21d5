"""Print the command that starts training on each machine of a cluster."""

import argparse
import shlex

from tensorsmith.core import print_text
from tensorsmith.runs import Cluster


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("workers", metavar="HOST:PORT", nargs="+", help="addresses of the workers")
    parser.add_argument("--chief", metavar="HOST:PORT", help="address of a separate chief; default: the first worker")
    parser.add_argument(
        "--parameter-servers",
        metavar="HOST:PORT",
        nargs="+",
        help="addresses of parameter servers, which hold the weights for asynchronous training",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints a comment and a command for each machine."""
    given = {"chief": arguments.chief and [arguments.chief], "worker": arguments.workers}
    jobs = {job: addresses for job, addresses in {**given, "ps": arguments.parameter_servers}.items() if addresses}
    lines = []
    for job, addresses in jobs.items():
        for index, address in enumerate(addresses):
            config = Cluster(jobs, (job, index)).as_tf_config()
            lines.append(f"# on {address.rpartition(':')[0]}, with DIR on storage shared by all machines:")
            lines.append(f"TF_CONFIG={shlex.quote(config)} tensorsmith run NAME --out DIR --resume")
    print_text("\n".join(lines))
    return 0
