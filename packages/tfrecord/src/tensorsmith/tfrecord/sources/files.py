"""Lookup and opening of source files."""

import glob
import gzip
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

LEFT = ("Thumbs.db", "desktop.ini")  # files that Windows creates
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class UnreadableError(OSError):
    """Error raised if a source file is corrupted or has an unexpected format."""

    def __init__(self, path: Path, problem: str):
        super().__init__(f"{path}: {problem}")


def find_source_files(paths: Paths) -> list[Path]:
    """Returns the files specified by paths, folders, and glob patterns such as `data/*.csv`.

    A folder stands for all files in it and its subfolders. Names that begin with `.` or `_` and files created by file
    managers are skipped, as other tools leave such files next to data.

    Returns:
        The files without duplicates; those of a folder or pattern are sorted.

    Raises:
        FileNotFoundError: If a file does not exist, or if a pattern matches no file.
    """
    found: dict[Path, None] = {}
    for path in [paths] if isinstance(paths, str | os.PathLike) else paths:
        path = Path(path)
        if path.is_dir():
            inside = (Path(folder) / name for folder, _, names in os.walk(path) for name in names if name not in LEFT)
            files = sorted(file for file in inside if not any(part[0] in "._" for part in file.relative_to(path).parts))
        elif os.path.lexists(path):  # also a link without a target, which is reported when it is read
            files = [path]
        else:
            files = sorted(Path(name) for name in glob.glob(str(path), recursive=True) if not Path(name).is_dir())  # noqa: PTH207
        if not files:
            raise FileNotFoundError(f"{path}: no such file" if not path.is_dir() else f"{path}: the folder is empty")
        found.update(dict.fromkeys(files))
    return list(found)


def is_special(path: Path) -> bool:
    """Returns `True` if a path is a named pipe, a socket or a device, whose reading may never end."""
    return path.exists() and not path.is_file()


def open_plain(path: Path) -> BinaryIO:
    """Opens a file for reading. Gzip files are decompressed."""
    file = path.open("rb")
    if file.read(2) == b"\x1f\x8b":
        file.close()
        return gzip.open(path, "rb")  # type: ignore[return-value]
    file.seek(0)
    return file


GZIP_ERRORS = (EOFError, gzip.BadGzipFile)  # raised for damaged files, besides zlib.error
