"""Migrate scripts and notebooks from TensorFlow Addons to tensorsmith and Keras 3."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tensorsmith.core import print_text

if TYPE_CHECKING:
    from tensorsmith.migrate import Migrated


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument(
        "paths", metavar="PATH", type=Path, nargs="+", help=".py or .ipynb file, or folder to search recursively"
    )
    parser.add_argument("--write", action="store_true", help="change the files; by default a diff is printed")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the changes as a unified diff, or writes them. The exit code is 1 if a file cannot be read."""
    from tensorsmith.migrate import UnreadableError, migrate_files

    results, unreadable = [], 0
    for file in migrate_files(arguments.paths, write=arguments.write):
        if isinstance(file.result, UnreadableError):
            print_text(f"{file.path}{file.result}", file=sys.stderr)
            unreadable += 1
            continue
        results.append(file.result)
        if not arguments.write:
            sys.stdout.buffer.write(file.diff)
        if not file.result.unused:
            print_text(f"{file.path}: {_status(file.result)}: {_counts([file.result])}", file=sys.stderr)
        elif file.path in arguments.paths:
            print_text(f"{file.path}: nothing to migrate", file=sys.stderr)
    if len(results) + unreadable != 1:
        statuses = [_status(result) for result in results] + ["unreadable"] * unreadable
        numbers = [f"{statuses.count(status)} {status}" for status in dict.fromkeys(sorted(statuses))]
        files = f"{len(statuses)} files" + (f" ({', '.join(numbers)})" if statuses else "")
        print_text(f"{files}: {_counts(results)}", file=sys.stderr)
    return int(unreadable > 0)


def _status(result: "Migrated") -> str:
    if result.unused:
        return "with nothing to migrate"
    return "complete" if result.complete else "incomplete"


def _counts(results: "list[Migrated]") -> str:
    rewritten, left, rejected = (
        sum(getattr(result, name) for result in results) for name in ("rewritten", "left", "rejected")
    )
    uses = "1 use" if rejected == 1 else f"{rejected} uses"
    return f"{rewritten} rewritten, {left} unchanged with a comment, {uses} that Keras 3 rejects"
