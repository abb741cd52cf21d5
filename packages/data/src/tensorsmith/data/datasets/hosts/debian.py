"""Files inside a Debian package, which is downloaded and opened but not installed: no root is needed."""

from dataclasses import dataclass
from pathlib import Path

from tensorsmith.core import ProgressTask
from tensorsmith.data.datasets.hosts.base import Source, SourceError
from tensorsmith.data.datasets.hosts.command import bytes_in, run
from tensorsmith.data.datasets.hosts.unpack import unpack_tar

STALE = ("Unable to locate package", "was not found", "no installation candidate", "404")
"""What apt says when its package lists are missing or old."""


@dataclass(frozen=True)
class DebianPackage(Source):
    """Files in one folder of a Debian package.

    Attributes:
        name: The package.
        version: Its version.
        archive_size: Bytes of the .deb file.
        folder: Where the files are inside, without the leading slash.
    """

    name: str
    version: str
    archive_size: int
    folder: str

    @property
    def place(self) -> str:
        """The package in words."""
        return f"Debian package {self.name} {self.version}"

    @property
    def size(self) -> int:
        """Bytes of the .deb file."""
        return self.archive_size

    def fetch(self, folder: Path, task: ProgressTask) -> None:
        """Downloads the package with apt-get, then copies the wanted files out of it."""
        work = folder / "apt"
        work.mkdir()

        def watch() -> None:
            task.set_completed(bytes_in(work, f"{self.name}_*.deb"))

        download = [
            *("apt-get", "-q", "download", f"{self.name}={self.version}"),
            *("-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=5", "-o", "Acquire::https::Timeout=5"),
            # Root would else become a user who may not write into this folder.
            *("-o", "APT::Sandbox::User=root"),
        ]
        try:
            run("apt-get", download, work, watch)
        except SourceError as error:
            if not any(sign in str(error) for sign in STALE):
                raise
            # Only root may renew the system's lists, so this call makes its own.
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
        unpack_tar(work / "data.tar", {f"{self.folder}/{file.name}": file for file in self.files}, folder)
