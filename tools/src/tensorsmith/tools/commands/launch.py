"""Run a script in several processes that train together."""

import argparse
import sys
from pathlib import Path

from tensorsmith.core import check
from tensorsmith.recipes import run_workers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser. Other arguments are passed to the script."""
    parser.usage = "tensorsmith launch SCRIPT --workers N [--parameter-servers N] [--out DIR] [--] [ARGUMENT ...]"
    parser.epilog = "Other arguments, and all arguments after --, are passed to the script."
    parser.allow_abbrev = False
    parser.add_argument("script", type=Path, metavar="SCRIPT", help="Python file, which reads TF_CONFIG")
    parser.add_argument("--workers", type=int, required=True, metavar="N", help="number of worker processes")
    parser.add_argument(
        "--parameter-servers", type=int, default=0, metavar="N", help="number of parameter-server processes"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="folder of the log files and of the folder `checkpoints` of the script (current folder)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Runs the script in all processes, and returns the exit code."""
    workers, servers = arguments.workers, arguments.parameter_servers
    check(workers >= 1, "--workers", workers, ">= 1")
    check(servers >= 0, "--parameter-servers", servers, ">= 0")
    check(arguments.script.is_file(), "SCRIPT", str(arguments.script), "an existing Python file")
    arguments.out.mkdir(parents=True, exist_ok=True)
    if "--" in arguments.fields:
        arguments.fields.remove("--")  # argparse keeps it if an option precedes it
    # -P: modules in the current folder are not imported, unless the script is there.
    program = [sys.executable, "-P", "-m", "tensorsmith.recipes.launched_script"]
    command = [*program, str(arguments.script), *arguments.fields]
    return run_workers(command, arguments.out, workers=workers, servers=servers)
