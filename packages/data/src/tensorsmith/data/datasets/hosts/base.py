"""Interface of a source, which writes pinned files into a folder or reports why it cannot."""

import abc
from dataclasses import dataclass
from pathlib import Path

from tensorsmith.core import ProgressTask


class SourceError(Exception):
    """Error raised if a source cannot provide the files; the message is the reason on one line."""


@dataclass(frozen=True)
class File:
    """A data file with its pinned hash.

    Attributes:
        name: Name of the file in the cache.
        size: Size in bytes, or an upper bound if the publisher does not give an exact size. Longer files are rejected.
        sha256: Hexadecimal SHA-256 digest.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Source(abc.ABC):
    """A source that provides all files of a data set, or of one form of it.

    Attributes:
        files: The files that it provides.
    """

    files: tuple[File, ...]

    @property
    @abc.abstractmethod
    def place(self) -> str:
        """Description of the source, for messages."""

    @property
    def size(self) -> int:
        """Number of bytes to download."""
        return sum(file.size for file in self.files)

    @abc.abstractmethod
    def fetch(self, folder: Path, task: ProgressTask) -> None:
        """Writes the files into an empty folder; the caller verifies their hashes.

        Args:
            folder: An existing, empty folder that only this call uses.
            task: Progress task, updated with the number of bytes received.

        Raises:
            SourceError: If the source cannot provide the files.
            OSError: If the folder cannot be written.
        """
