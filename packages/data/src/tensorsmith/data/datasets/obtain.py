"""Getting the files of a data set: from the cache, else its sources in order, else a folder that the user names."""

import errno
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tensorsmith.core import Progress
from tensorsmith.data.datasets.dataset import DatasetInfo
from tensorsmith.data.datasets.hosts import File, Source, SourceError

logger = logging.getLogger(__name__)

WORKING_BYTES = 50_000_000
"""Room that a fetch needs besides archive, unpacked archive and files: package lists, pip's build environment."""

Tried = tuple[tuple[str, str], ...]


class DataNotFoundError(RuntimeError):
    """A data set can be had from nowhere.

    Attributes:
        name: The data set.
        tried: (place, why it failed) for every place, in order.
    """

    def __init__(self, name: str, tried: Tried, message: str):
        super().__init__(message)
        self.name = name
        self.tried = tried


def cache_folder() -> Path:
    """Where files are kept: `TENSORSMITH_DATA`, else `tensorsmith/data` in the user's cache folder."""
    if named := os.environ.get("TENSORSMITH_DATA"):
        return Path(named).expanduser().absolute()
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "tensorsmith" / "data"


def is_offline() -> bool:
    """Whether `TENSORSMITH_OFFLINE` forbids whatever needs a network."""
    return os.environ.get("TENSORSMITH_OFFLINE", "0") not in ("", "0")


def is_cached(info: DatasetInfo) -> bool:
    """Whether the cache has all files that one source would give; `obtain` goes on to compare their hashes."""
    cache = cache_folder() / info.name
    return any(all((cache / file.name).is_file() for file in source.files) for source in info.sources)


def obtain(info: DatasetInfo, folder: Path | None = None) -> dict[str, Path]:
    """The files of a data set by name, each checked against its pin.

    Args:
        info: The data set.
        folder: The last place to look, itself and its subfolder of the data set's name.

    Raises:
        DataNotFoundError: No place could give them.
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
        if "changed" in reason:
            logger.warning("%s: %s; fetched again", info.name, reason)
        return fetched
    tried += failures
    for place in (folder, folder / info.name) if folder else ():
        found, reason = _find(info, place)
        if found:
            return found
        tried.append((f"folder {place}", reason))
    if folder is None:
        tried.append(("a folder that you name", f'none named, as in load("{info.name}", folder="downloads")'))
    if unwritable:
        remedy = "Remedy: make room or set TENSORSMITH_DATA to a folder that you may write to."
        raise DataNotFoundError(info.name, tuple(tried), f"{info.name}: {unwritable}. {remedy}")
    raise DataNotFoundError(info.name, tuple(tried), _explain(info, cache, tried))


def _find(info: DatasetInfo, folder: Path) -> tuple[dict[str, Path], str]:
    """The files of one source, whichever has all of them in this folder, or else nothing and what is wrong."""
    if not folder.is_dir():
        return {}, "no such folder"
    problems: dict[str, str] = {}
    for source in info.sources:
        for file in source.files:
            if file.name not in problems:
                # Two sources may have one file in two forms; each file alone may come from either.
                forms = [other for source in info.sources for other in source.files if other.name == file.name]
                problems[file.name] = _problem(folder / file.name, forms)
        if not any(problems[file.name] for file in source.files):
            return {file.name: folder / file.name for file in source.files}, ""
    wrong = [problem for problem in problems.values() if problem and not problem.startswith("lacks")]
    lacking = [problem for problem in problems.values() if problem.startswith("lacks")]
    return {}, "; ".join(wrong or lacking)


def _problem(path: Path, forms: Iterable[File]) -> str:
    """What is wrong with a file, or nothing."""
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        size = path.stat().st_size
    except FileNotFoundError:
        return f"lacks {path.name}"
    except OSError as error:
        return f"cannot read {path.name}: {error.strerror}"
    if any(digest == form.sha256 for form in forms):
        return ""
    pins = " or ".join(dict.fromkeys(f"{form.sha256[:12]}..." for form in forms))
    return f"{path.name} is cut short or changed: {size:,} bytes with sha256 {digest[:12]}..., expected {pins}"


def _fetch_from_any(info: DatasetInfo, cache: Path) -> tuple[dict[str, Path], list[tuple[str, str]], str]:
    """The files from the first source that gives them, or else every failure, and why the cache cannot be written."""
    if is_offline():
        return {}, [(source.place, "skipped, TENSORSMITH_OFFLINE is set") for source in info.sources], ""
    failures = []
    with Progress("tensorsmith.data") as progress:
        for source in info.sources:
            try:
                return _fetch(info.name, source, cache, progress), [], ""
            except SourceError as error:
                failures.append((source.place, str(error)))
            except OSError as error:
                unwritable = f"cannot write to {cache}: {error.strerror or error}"
                return {}, [*failures, (source.place, unwritable)], unwritable
    return {}, failures, ""


def _fetch(dataset: str, source: Source, cache: Path, progress: Progress) -> dict[str, Path]:
    """Fetches into a folder of its own inside the cache, then moves what is right into place.

    Raises:
        SourceError: The source failed or gave something else.
        OSError: The cache cannot be written.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as name:
        fresh = Path(name)
        # Package managers on a full disk fail in ways that nobody would take for that.
        needed = 3 * source.size + WORKING_BYTES
        if shutil.disk_usage(fresh).free < needed:
            raise OSError(errno.ENOSPC, f"a fetch needs {needed / 1e6:.0f} MB of free disk space for a while")
        task = progress.start(f"fetching {dataset} from {source.place}", source.size)
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


def _explain(info: DatasetInfo, cache: Path, tried: Iterable[tuple[str, str]]) -> str:
    forms: Mapping[str, None] = dict.fromkeys(", ".join(file.name for file in source.files) for source in info.sources)
    lines = [f"{info.name} can be had from nowhere. Tried:"]
    lines += [f"  {number}. {place}: {reason}" for number, (place, reason) in enumerate(tried, 1)]
    lines += [f"By hand: put {' or else '.join(forms)} into {cache}", f"Published by: {info.source}"]
    return "\n".join(lines)
