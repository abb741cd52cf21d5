"""Migrate scripts from TensorFlow Addons to tensorsmith and Keras 3."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("paths", metavar="PATH", type=Path, nargs="+", help=".py file, or folder to search recursively")
    parser.add_argument("--write", action="store_true", help="change the files; by default a diff is printed")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the changes as a unified diff, or writes them. The exit code is 1 if a file is not valid Python."""
    from tensorsmith.migrate import UnreadableError, migrate_files

    code = 0
    for file in migrate_files(arguments.paths, write=arguments.write):
        if isinstance(file.result, UnreadableError):
            print(f"{file.path}{file.result}", file=sys.stderr)
            code = 1
            continue
        if not arguments.write:
            sys.stdout.buffer.write(file.diff)
        if file.result.rewritten or file.result.left:
            print(
                f"{file.path}: {file.result.rewritten} rewritten, {file.result.left} unchanged with a comment",
                file=sys.stderr,
            )
    return code
