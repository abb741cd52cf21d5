"""Manifests of unfinished operations, whose stored arguments ensure that only an identical call can resume."""

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tensorsmith.core import Verbatim, check, replace_file


def check_created(created: bool, path: Path) -> None:
    """Raises an error unless a file or folder with a fixed name in an output folder was created by tensorsmith."""
    expected = f"not contain {path.name} of another program"
    check(created, "folder", str(path.parent), expected, f"rename {path.name}, or pass another folder")


class Manifest:
    """JSON file that stores the arguments of an operation that may be interrupted.

    Args:
        path: Path of the manifest file.
        arguments: All arguments that affect the result, as JSON-serializable values.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "manifest.json"
        >>> Manifest(path, {"shards": 2, "seed": None}).write()
        >>> Manifest(path, {"shards": 3, "seed": None}).changed()
        ['shards']
    """

    def __init__(self, path: Path, arguments: Mapping[str, Any]) -> None:
        self.path = path
        self.arguments: dict[str, Any] = json.loads(json.dumps(arguments))

    def exists(self) -> bool:
        """Returns `True` if the manifest file exists.

        Raises:
            ValueError: If the file is not a manifest with the same names of arguments.
        """
        if not os.path.lexists(self.path):
            return False
        known = False
        if self.path.is_file() and not self.path.is_symlink():
            with contextlib.suppress(ValueError, RecursionError):
                known = self.arguments.keys() <= dict(json.loads(self.path.read_bytes())).keys()
        check_created(known, self.path)
        return True

    def changed(self) -> list[str]:
        """Returns the names of the arguments whose values differ from the values in the manifest file."""
        before = json.loads(self.path.read_text(encoding="utf-8"))
        return sorted(name for name, value in self.arguments.items() if value != before.get(name))

    def check_unchanged(self, remedy: str) -> None:
        """Raises an error if an argument differs from its value in the manifest file."""
        changed = self.changed()
        received = Verbatim(f"different values of {' and '.join(changed)}")
        check(not changed, "resume", received, "used with the same arguments as the interrupted run", remedy)

    def write(self) -> None:
        """Writes the arguments to the manifest file, whose folder is created if it does not exist."""
        self.path.parent.mkdir(exist_ok=True)
        with replace_file(self.path) as draft:
            draft.write_text(json.dumps(self.arguments), encoding="utf-8")


def fingerprints(files: Iterable[str | os.PathLike[str]]) -> list[list[Any]]:
    """Returns the absolute path, size and modification time of each file, which are used to detect changes.

    A symbolic link without a target is described by itself, because its row is a reject of the conversion.
    """
    paths = [Path(path).absolute() for path in files]
    states = [(path, path.stat() if path.exists() else path.lstat()) for path in paths]
    return [[str(path), state.st_size, state.st_mtime_ns] for path, state in states]
