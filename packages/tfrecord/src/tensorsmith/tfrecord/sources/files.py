"""The files that a source is made of."""

import glob
import gzip
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

LEFT = ("Thumbs.db", "desktop.ini")  # by Windows
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class UnreadableError(OSError):
    """A file that is not what it should be."""

    def __init__(self, path: Path, problem: str):
        super().__init__(f"{path}: {problem}")


def find_source_files(paths: Paths) -> list[Path]:
    """Files, patterns such as `data/*.csv`, and all files within folders.

    Within folders, names that begin with `.` or `_` are left out, and those of file managers, as other tools leave such
    files beside data.

    Returns:
        The files, each once; those of a folder and of a pattern are sorted.

    Raises:
        FileNotFoundError: There is no such file, or none fits the pattern.
    """
    found: dict[Path, None] = {}
    for path in [paths] if isinstance(paths, str | os.PathLike) else paths:
        path = Path(path)
        if path.is_dir():
            inside = (Path(folder) / name for folder, _, names in os.walk(path) for name in names if name not in LEFT)
            files = sorted(file for file in inside if not any(part[0] in "._" for part in file.relative_to(path).parts))
        elif path.exists():
            files = [path]
        else:
            files = sorted(Path(name) for name in glob.glob(str(path), recursive=True) if Path(name).is_file())  # noqa: PTH207
        if not files:
            raise FileNotFoundError(
                f"{path}: there is no such file" if not path.is_dir() else f"{path}: the folder is empty"
            )
        found.update(dict.fromkeys(files))
    return list(found)


def open_plain(path: Path) -> BinaryIO:
    """A file's content, decompressed where the file is a gzip file."""
    file = path.open("rb")
    if file.read(2) == b"\x1f\x8b":
        file.close()
        return gzip.open(path, "rb")  # type: ignore[return-value]
    file.seek(0)
    return file


GZIP_ERRORS = (EOFError, gzip.BadGzipFile)  # and zlib.error, which gzip lets through
