"""Retrieval of data set files: from the cache, from hosts, or from a folder given by the user."""

import errno
import hashlib
import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from tensorsmith.core import ExpectedError, Progress, check, temporary_folder
from tensorsmith.data.datasets.hosts import File, Host, SourceError

logger = logging.getLogger(__name__)

WORKING_BYTES = 50_000_000
"""Disk space needed in addition to the archive and the files, for package lists."""

Tried = tuple[tuple[str, str], ...]


class FileSet(Protocol):
    """Description of files to obtain, those of a data set or of pretrained weights."""

    @property
    def name(self) -> str:
        """Name of the folder in the cache."""

    @property
    def source(self) -> str:
        """Authors and original publication."""

    @property
    def sources(self) -> tuple[Host, ...]:
        """Sources to fetch the files from, in order."""


class DataNotFoundError(ExpectedError, RuntimeError):
    """Error raised if a data set cannot be obtained from any source.

    Attributes:
        name: Name of the data set.
        tried: Pairs (source, reason of the failure) of all sources, in order.
    """

    def __init__(self, name: str, tried: Tried, message: str):
        super().__init__(message)
        self.name = name
        self.tried = tried


def cache_folder() -> Path:
    """Returns the cache folder: `TENSORSMITH_DATA`, or `tensorsmith/data` in the user's cache folder."""
    if named := os.environ.get("TENSORSMITH_DATA"):
        return Path(named).expanduser().absolute()
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "tensorsmith" / "data"


def is_offline() -> bool:
    """Returns `True` if the environment variable `TENSORSMITH_OFFLINE` disables network access."""
    return os.environ.get("TENSORSMITH_OFFLINE", "0") not in ("", "0")


def is_cached(info: FileSet) -> bool:
    """Returns `True` if the cache contains all files of a data set. Hashes are not verified."""
    cache = cache_folder() / info.name
    return any(all((cache / file.name).is_file() for file in source.files) for source in info.sources)


def existing_folder(folder: str | os.PathLike[str] | None) -> Path | None:
    """Return the path of a folder that the user passes, which must exist, or `None`."""
    path = None if folder is None else Path(folder)
    check(path is None or path.is_dir(), "folder", folder, "an existing folder")
    return path


def obtain(
    info: FileSet,
    folder: Path | None = None,
    *,
    noun: str = "data set",
    usage: str = 'load("{name}", folder="downloads")',
) -> dict[str, Path]:
    """Returns a dict that maps file names to the verified files of a data set, which are fetched if necessary.

    Args:
        info: Description of the data set, or of other files to obtain.
        folder: Folder to search after all other locations. Its subfolder with the name of the data set is searched as
            well.
        noun: Kind of the files, shown in errors.
        usage: Call that passes such a folder, shown in errors.

    Raises:
        DataNotFoundError: If no source could provide the files.
    """
    if not info.sources:
        return {}
    cache = cache_folder() / info.name
    found, reason = _find(info, cache)
    if found:
        return found
    tried = [(f"cache {cache}", reason)]
    fetched, failures, unwritable = _fetch_from_any(info, cache)
    if fetched:
        if "modified" in reason or "regular" in reason:
            logger.warning("%s: %s; fetched again", info.name, reason)
        return fetched
    tried += failures
    for location in (folder, folder / info.name) if folder else ():
        found, reason = _find(info, location)
        if found:
            return found
        tried.append((f"folder {location}", reason))
    if folder is None:
        tried.append(("local folder", f"none given, as in {usage.format(name=info.name)}"))
    if unwritable:
        raise DataNotFoundError(info.name, tuple(tried), f"{info.name}: {unwritable}")
    raise DataNotFoundError(info.name, tuple(tried), _explain(info, noun, cache, tried))


def _find(info: FileSet, folder: Path) -> tuple[dict[str, Path], str]:
    """Returns a dict of the verified data set files in a folder, and a description of missing or damaged files."""
    if not folder.is_dir():
        return {}, "no such folder"
    problems: dict[str, str] = {}
    for source in info.sources:
        for file in source.files:
            if file.name not in problems:
                # Sources may provide a file in different forms; each file may come from any of them.
                forms = [other for source in info.sources for other in source.files if other.name == file.name]
                problems[file.name] = _problem(folder / file.name, forms)
        if not any(problems[file.name] for file in source.files):
            return {file.name: folder / file.name for file in source.files}, ""
    wrong = [problem for problem in problems.values() if problem and not problem.endswith("is missing")]
    lacking = [problem for problem in problems.values() if problem.endswith("is missing")]
    return {}, "; ".join(wrong or lacking)


def _problem(path: Path, forms: Iterable[File]) -> str:
    """Returns a description of the problem with a file, or an empty string if its hash matches."""
    if path.exists() and not path.is_file():  # a named pipe, whose reading may never end
        return f"{path.name} is not a regular file"
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        size = path.stat().st_size
    except FileNotFoundError:
        return f"{path.name} is missing"
    except OSError as error:
        return f"cannot read {path.name}: {error.strerror}"
    if any(digest == form.sha256 for form in forms):
        return ""
    pins = " or ".join(dict.fromkeys(f"{form.sha256[:12]}..." for form in forms))
    return f"{path.name} is truncated or modified: {size:,} bytes with sha256 {digest[:12]}..., expected sha256 {pins}"


def _fetch_from_any(info: FileSet, cache: Path) -> tuple[dict[str, Path], list[tuple[str, str]], str]:
    """Fetches a data set from the first host that succeeds. Returns the files, or the errors if all hosts fail."""
    if is_offline():
        return {}, [(source.location, "skipped, TENSORSMITH_OFFLINE is set") for source in info.sources], ""
    failures = []
    with Progress("tensorsmith.data") as progress:
        for source in info.sources:
            try:
                return _fetch(info.name, source, cache, progress), [], ""
            except SourceError as error:
                failures.append((source.location, str(error)))
                if source is not info.sources[-1]:  # otherwise, all reasons are part of the error
                    progress.print(f"{info.name}: {source.location} failed, trying the next source: {error}")
            except OSError as error:
                unwritable = f"cannot write to {cache}: {error.strerror or error}"
                return {}, [*failures, (source.location, unwritable)], f"{unwritable}. {_remedy(error)}"
    return {}, failures, ""


def _remedy(error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return f"Remove or rename the folder {error.filename}."
    return "Free some space, or set TENSORSMITH_DATA to a writable folder."


def _fetch(dataset: str, source: Host, cache: Path, progress: Progress) -> dict[str, Path]:
    """Fetches data files to a temporary folder, verifies them, and moves them to the cache.

    Raises:
        SourceError: If the source failed or returned different files.
        OSError: If the cache cannot be written.
    """
    cache.mkdir(parents=True, exist_ok=True)
    for file in source.files:
        if (cache / file.name).is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder has the name of a file", cache / file.name)
    with temporary_folder(cache) as fresh:
        # Package managers report a full disk with misleading errors, so the free space is checked first.
        needed = 3 * source.size + WORKING_BYTES
        if shutil.disk_usage(fresh).free < needed:
            raise OSError(errno.ENOSPC, f"the download temporarily needs {needed / 1e6:.0f} MB of free disk space")
        task = progress.start(f"fetching {dataset} from {source.location}", source.size)
        try:
            source.fetch(fresh, task)
        finally:
            task.close()
        for file in source.files:
            if problem := _problem(fresh / file.name, [file]):
                raise SourceError(problem)
        for file in source.files:
            (fresh / file.name).replace(cache / file.name)
    return {file.name: cache / file.name for file in source.files}


def _explain(info: FileSet, noun: str, cache: Path, tried: Iterable[tuple[str, str]]) -> str:
    forms: Mapping[str, None] = dict.fromkeys(", ".join(file.name for file in source.files) for source in info.sources)
    lines = [f'Could not obtain {noun} "{info.name}". Sources tried:']
    lines += [f"  {number}. {location}: {reason}" for number, (location, reason) in enumerate(tried, 1)]
    lines += [f"For manual installation, put {' or '.join(forms)} into {cache}.", f"Published by: {info.source}"]
    return "\n".join(lines)
