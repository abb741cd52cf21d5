"""Interface of hosts, which write data files with pinned hashes to a folder or report why they cannot."""

import abc
from dataclasses import dataclass
from pathlib import Path

from tensorsmith.core import ProgressTask


class SourceError(Exception):
    """Error raised if a host cannot provide the files. The message states the reason on one line."""


@dataclass(frozen=True)
class File:
    """Data file with its pinned hash.

    Attributes:
        name: Name of the file in the cache.
        size: Size in bytes, or an upper bound if the exact size is not published. Larger files are rejected.
        sha256: Hexadecimal SHA-256 digest.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Host(abc.ABC):
    """Location that provides all files of a data set, possibly in one of several file formats.

    Attributes:
        files: Data files that the host provides.
    """

    files: tuple[File, ...]

    @property
    @abc.abstractmethod
    def location(self) -> str:
        """Description of the host, shown in messages."""

    @property
    def size(self) -> int:
        """Number of bytes to download."""
        return sum(file.size for file in self.files)

    @abc.abstractmethod
    def fetch(self, folder: Path, task: ProgressTask) -> None:
        """Writes the files to an empty folder. The caller verifies the hashes of the files.

        Args:
            folder: Empty folder to which the files are written. It must not be used by other calls.
            task: Progress task that is updated with the number of received bytes.

        Raises:
            SourceError: If the source cannot provide the files.
            OSError: If the folder cannot be written.
        """
