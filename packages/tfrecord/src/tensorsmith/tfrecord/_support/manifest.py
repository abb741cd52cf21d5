"""The manifest of unfinished work: what it began with, so that only the same call resumes it."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tensorsmith.core import Verbatim, check, replace_file


class Manifest:
    """A JSON file with the arguments of a call whose work may be interrupted.

    Args:
        path: The file.
        arguments: All that the result depends on, as JSON has it.

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

    def changed(self) -> list[str]:
        """Names the arguments that differ from those of the call that wrote the file."""
        before = json.loads(self.path.read_text(encoding="utf-8"))
        return sorted(name for name, value in self.arguments.items() if value != before.get(name))

    def check_unchanged(self, remedy: str) -> None:
        """Raises an error unless the file has the same arguments."""
        changed = self.changed()
        received = Verbatim(f"another {' and another '.join(changed)}")
        check(not changed, "resume", received, "what was begun with", remedy)

    def write(self) -> None:
        """Writes the file."""
        with replace_file(self.path) as draft:
            draft.write_text(json.dumps(self.arguments), encoding="utf-8")


def fingerprints(files: Iterable[str | os.PathLike[str]]) -> list[list[Any]]:
    """Returns the absolute path, size and modification time of each file, which tell whether it is the same."""
    states = [(Path(path).absolute(), Path(path).stat()) for path in files]
    return [[str(path), state.st_size, state.st_mtime_ns] for path, state in states]
