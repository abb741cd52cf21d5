"""Print what each machine of a cluster has to be told before `run`."""

import argparse
import shlex

from tensorsmith.core import Cluster


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("addresses", metavar="HOST:PORT", nargs="+", help="one for each worker, the first leads")


def execute(arguments: argparse.Namespace) -> int:
    """Prints a line for each machine."""
    jobs = {"worker": arguments.addresses}
    for index, address in enumerate(arguments.addresses):
        config = Cluster(jobs, ("worker", index)).as_tf_config()
        print(f"# on {address.rpartition(':')[0]}, with DIR in a folder that all machines share:")
        print(f"TF_CONFIG={shlex.quote(config)} tensorsmith run NAME --out DIR --resume")
    return 0
