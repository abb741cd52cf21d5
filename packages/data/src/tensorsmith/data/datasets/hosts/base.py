"""What a source is: a place with pinned files, which it writes into a folder or says why not."""

import abc
from dataclasses import dataclass
from pathlib import Path

from tensorsmith.core import ProgressTask


class SourceError(Exception):
    """A place could not give the files; the message is the reason, in one line."""


@dataclass(frozen=True)
class File:
    """A data file and its pin.

    Attributes:
        name: The name it has in the cache.
        size: Bytes; a bound where the publisher gives no exact number. Nothing longer is ever written.
        sha256: Hex digits of its SHA-256.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Source(abc.ABC):
    """A place that has all files of a data set, or of one form of it.

    Attributes:
        files: What it gives.
    """

    files: tuple[File, ...]

    @property
    @abc.abstractmethod
    def place(self) -> str:
        """The place in words, for people."""

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(file.size for file in self.files)

    @abc.abstractmethod
    def fetch(self, folder: Path, task: ProgressTask) -> None:
        """Writes the files into an empty folder; whoever calls checks their hashes.

        Args:
            folder: Exists, is empty and belongs to this call alone.
            task: Its number of completed bytes is set as they arrive.

        Raises:
            SourceError: The place cannot give them.
            OSError: The folder cannot be written.
        """
