"""Move scripts from TensorFlow Addons to what takes its place."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("paths", metavar="PATH", type=Path, nargs="+", help="a .py file, or a folder with all below it")
    parser.add_argument("--write", action="store_true", help="change the files; without, the changes are only printed")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the changes as a unified diff, or makes them; 1 when a file is no Python that can be read."""
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
                f"{file.path}: {file.result.rewritten} rewritten, {file.result.left} left with a comment",
                file=sys.stderr,
            )
    return code
