"""Safe extraction from archives: only regular files are extracted, and only to predefined file names."""

import contextlib
import functools
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from tensorsmith.data.datasets.hosts.base import File, SourceError

Member = tuple[str, Callable[[], IO[bytes] | None] | None]
"""Name of a member and a function that opens it; `None` for folders, links and devices."""


def unpack_tar(path: Path, wanted: Mapping[str, File], folder: Path) -> None:
    """Extracts members of a tar archive to files in a folder.

    Args:
        path: Path of the archive file.
        wanted: Mapping from the names of archive members to the names of the output files.
        folder: Empty folder in which the files are created.

    Raises:
        SourceError: If the archive is damaged, if it contains a name with an absolute or parent path, or if a wanted
            member is missing, a link, or longer than its pinned size.
        OSError: If the folder cannot be written.
    """
    with _damage(), tarfile.open(path) as archive:
        _unpack(_tar_members(archive), wanted, folder)


def unpack_zip(path: Path, wanted: Mapping[str, File], folder: Path) -> None:
    """Extracts members of a zip archive to files in a folder."""
    with _damage(), zipfile.ZipFile(path) as archive:
        _unpack(_zip_members(archive), wanted, folder)


def repack_tar(path: Path, inside: str, wanted: Callable[[str], bool], file: File, folder: Path) -> None:
    """Copies members of a tar archive to a zip archive, whose bytes depend only on their names and contents.

    Args:
        path: Path of the tar archive.
        inside: Folder in the archive, to which the names of the members are relative.
        wanted: Function that returns `True` for the names of the members to copy.
        file: Pinned zip archive.
        folder: Folder in which the zip archive is created.

    Raises:
        SourceError: If the tar archive is damaged, if it contains a name with an absolute or parent path, or if the
            members are larger than the pinned zip archive.
        OSError: If the folder cannot be written.
    """
    found: dict[str, bytes] = {}
    size = 0
    with _damage(), tarfile.open(path) as archive:
        for name, opener in _tar_members(archive):
            name = name.removeprefix(f"{inside}/") if name.startswith(f"{inside}/") else ""
            if opener and name and wanted(name) and (content := opener()):
                found[name] = content.read(file.size - size + 1)
                size += len(found[name])
                if size > file.size:
                    raise SourceError(f"{file.name} is larger than the expected {file.size:,} bytes")
    with zipfile.ZipFile(folder / file.name, "w") as copy:
        for name in sorted(found):
            # The defaults of these attributes depend on the operating system. The time is that of the ZIP epoch.
            member = zipfile.ZipInfo(name)
            member.create_system, member.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            copy.writestr(member, found[name])


def read_tar(archive: Path | IO[bytes], wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """Returns a dict that maps the names of the selected regular files in a tar archive to their contents.

    Raises:
        SourceError: If the archive is damaged, or if it contains a name with an absolute or parent path.
    """
    found: dict[str, bytes] = {}
    path, stream = (archive, None) if isinstance(archive, Path) else (None, archive)
    with _damage(), tarfile.open(path, fileobj=stream) as opened:
        for name, opener in _tar_members(opened):
            if opener and wanted(name) and (content := opener()):
                found[name] = content.read()
    return found


@contextlib.contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except SourceError:
        raise
    except Exception as error:  # the modules of Python raise errors of many types for damaged and encrypted archives
        if isinstance(error, OSError) and error.errno is not None and not isinstance(error, tarfile.TarError):
            raise  # the folder cannot be written; errors of the bz2 module have no number
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise SourceError(f"the archive is corrupted: {reason}") from error


def _tar_members(archive: tarfile.TarFile) -> Iterator[Member]:
    for member in archive:
        # `extractfile` follows links, so it is only called for regular files.
        yield _clean(member.name), functools.partial(archive.extractfile, member) if member.isreg() else None


def _zip_members(archive: zipfile.ZipFile) -> Iterator[Member]:
    for member in archive.infolist():
        kind = stat.S_IFMT(member.external_attr >> 16)
        plain = not member.is_dir() and kind in (0, stat.S_IFREG)
        yield _clean(member.filename), functools.partial(archive.open, member) if plain else None


def _clean(name: str) -> str:
    """Returns the name of an archive member without leading `./`, or raises an error if the name is unsafe."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise SourceError(f"the archive has an unsafe member {name!r}")
    return str(path)


def _unpack(members: Iterable[Member], wanted: Mapping[str, File], folder: Path) -> None:
    missing = set(wanted)
    for name, opener in members:
        file = wanted.get(name)
        if file is None:
            continue
        content = opener() if opener else None
        if content is None:
            raise SourceError(f"{name} is not a regular file in the archive")
        with content, (folder / file.name).open("wb") as target:
            had = 0
            while chunk := content.read(1 << 20):
                had += len(chunk)
                if had > file.size:
                    raise SourceError(f"{name} is larger than the expected {file.size:,} bytes")
                target.write(chunk)
        missing.discard(name)
    if missing:
        raise SourceError(f"the archive does not contain {', '.join(sorted(missing))}")
