"""Move scripts from TensorFlow Addons to what takes its place."""

import argparse
import difflib
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tensorsmith.core import argument_error, replace_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("paths", metavar="PATH", type=Path, nargs="+", help="a .py file, or a folder with all below it")
    parser.add_argument("--write", action="store_true", help="change the files; without, the changes are only printed")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the changes as a unified diff, or makes them; 1 when a file is no Python that can be read."""
    from tensorsmith.tools.migration.rewrite import UnreadableError, migrate

    code = 0
    for path in itertools.chain.from_iterable(map(_scripts, arguments.paths)):
        before = path.read_bytes()
        try:
            moved = migrate(before)
        except UnreadableError as error:
            print(f"{path}{error}", file=sys.stderr)
            code = 1
            continue
        if moved.script != before:
            if arguments.write:
                _replace(path, moved.script)
            else:
                _print_diff(path, before, moved.script)
        if moved.rewritten or moved.left:
            print(f"{path}: {moved.rewritten} rewritten, {moved.left} left with a comment", file=sys.stderr)
    return code


def _scripts(path: Path) -> Iterator[Path]:
    """The file, or those below the folder that are not in hidden folders or virtual environments."""
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise argument_error("PATH", str(path), "a file or folder that exists")
    for folder, folders, files in os.walk(path):
        here = Path(folder)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and not (here / name / "pyvenv.cfg").exists()
        )
        yield from (here / name for name in sorted(files) if name.endswith(".py"))


def _replace(path: Path, script: bytes) -> None:
    target = path.resolve()  # a link stays a link
    mode = target.stat().st_mode
    with replace_file(target) as draft:
        draft.write_bytes(script)
    target.chmod(mode)


def _print_diff(path: Path, before: bytes, after: bytes) -> None:
    """As bytes, since the script may have another encoding, and characters that only Python takes for line ends."""
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    name = os.fsencode(path)
    for line in difflib.diff_bytes(difflib.unified_diff, old, new, name, name):
        sys.stdout.buffer.write(line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n")
