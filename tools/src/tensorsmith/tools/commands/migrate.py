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
    parser.add_argument(
        "--follow-links", action="store_true", help="follow symbolic links that lead out of the given files and folders"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints the changes as a unified diff, or writes them. The exit code is 1 if a file is not read or written."""
    from tensorsmith.migrate import NotWrittenError, SkippedError, UnreadableError, migrate_files

    reasons = {UnreadableError: "unreadable", NotWrittenError: "not written", SkippedError: "skipped"}
    results, statuses = [], []
    for file in migrate_files(arguments.paths, write=arguments.write, follow_links=arguments.follow_links):
        if isinstance(file.result, Exception):
            print_text(f"{file.path}{file.result}", file=sys.stderr)
            statuses.append(reasons[type(file.result)])
            continue
        results.append(file.result)
        statuses.append(_status(file.result))
        if not arguments.write:
            _print_diff(file.diff)
        if not file.result.unused:
            print_text(f"{file.path}: {_status(file.result)}: {_counts([file.result])}", file=sys.stderr)
        elif file.path in arguments.paths:
            print_text(f"{file.path}: nothing to migrate", file=sys.stderr)
    if len(statuses) != 1:
        numbers = [f"{statuses.count(status)} {status}" for status in dict.fromkeys(sorted(statuses))]
        files = f"{len(statuses)} files" + (f" ({', '.join(numbers)})" if statuses else "")
        print_text(f"{files}: {_counts(results)}", file=sys.stderr)
    return int("unreadable" in statuses or "not written" in statuses)


def _print_diff(diff: bytes) -> None:
    """Prints a diff: unchanged for other programs, and with control characters escaped on a terminal."""
    if sys.stdout.isatty():
        print_text(diff.decode(errors="backslashreplace"), end="")
    else:
        sys.stdout.buffer.write(diff)


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
