"""Debian package as a host of data files. It is unpacked without installation or root access."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tensorsmith.core import ProgressTask
from tensorsmith.data.datasets.hosts.base import Host, SourceError
from tensorsmith.data.datasets.hosts.command import bytes_in, run
from tensorsmith.data.datasets.hosts.unpack import repack_tar, unpack_tar

STALE = ("Unable to locate package", "was not found", "no installation candidate", "404")
"""Messages of apt if its package lists are missing or outdated."""


@dataclass(frozen=True)
class DebianPackage(Host):
    """Data files in one folder of a Debian package.

    Attributes:
        name: Name of the Debian package.
        version: Version of the Debian package.
        archive_size: Size of the .deb file in bytes.
        folder: Path of the files in the package, without the leading slash.
        select: Function that returns `True` for the paths in `folder` of the members to store in one zip archive, which
            is the only entry of `files`. Used if there are too many members to pin each of them.
    """

    name: str
    version: str
    archive_size: int
    folder: str
    select: Callable[[str], bool] | None = field(default=None, repr=False)

    @property
    def location(self) -> str:
        """Name and version of the package, shown in messages."""
        return f"Debian package {self.name} {self.version}"

    @property
    def size(self) -> int:
        """Size of the .deb file in bytes."""
        return self.archive_size

    def fetch(self, folder: Path, task: ProgressTask) -> None:
        """Downloads the package with apt-get and extracts the files."""
        work = folder / "apt"
        work.mkdir()

        def watch() -> None:
            task.set_completed(bytes_in(work, f"{self.name}_*.deb"))

        download = [
            *("apt-get", "-q", "download", f"{self.name}={self.version}"),
            *("-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=5", "-o", "Acquire::https::Timeout=5"),
            # Otherwise apt, run as root, switches to a user who cannot write to this folder.
            *("-o", "APT::Sandbox::User=root"),
        ]
        try:
            run("apt-get", download, work, watch)
        except SourceError as error:
            if not any(sign in str(error) for sign in STALE):
                raise
            # Only root can update the package lists of the system, so a private copy is downloaded.
            lists = work / "lists"
            (lists / "partial").mkdir(parents=True)
            (work / "cache" / "archives" / "partial").mkdir(parents=True)
            options = ["-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={work / 'cache'}"]
            run("apt-get", ["apt-get", "-q", "update", *download[4:], *options], work, watch)
            run("apt-get", [*download, *options], work, watch)
        watch()
        (archive,) = work.glob(f"{self.name}_*.deb")
        with (work / "data.tar").open("wb") as content:
            run("dpkg-deb", ["dpkg-deb", "--fsys-tarfile", str(archive)], work, lambda: None, output=content)
        if self.select:
            (file,) = self.files
            repack_tar(work / "data.tar", self.folder, self.select, file, folder)
        else:
            unpack_tar(work / "data.tar", {f"{self.folder}/{file.name}": file for file in self.files}, folder)
