"""Migration of script files and notebooks, and of all of them in folders."""

import contextlib
import difflib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tensorsmith.core import replace_file, temporary_folder
from tensorsmith.core.files import PREFIX
from tensorsmith.migrate.addons import PACKAGE
from tensorsmith.migrate.errors import NotWrittenError, SkippedError, UnreadableError
from tensorsmith.migrate.modules import Globals
from tensorsmith.migrate.rewrite import Migrated
from tensorsmith.migrate.script_files import script_files
from tensorsmith.migrate.worker import Worker

LARGEST = {".py": 5_000_000, ".ipynb": 200_000_000}  # bytes; most of those of a large notebook are outputs


@dataclass(frozen=True)
class MigratedFile:
    """Script file or notebook, and the result of its migration.

    Attributes:
        path: Path of the script.
        before: Source before the migration.
        result: Migrated script, or the reason for which the file is not migrated: it could not be read or parsed, it
            could not be written, or it is too large or a link that is not followed.
    """

    path: Path
    before: bytes
    result: Migrated | UnreadableError | NotWrittenError | SkippedError

    @property
    def diff(self) -> bytes:
        """Return the unified diff between the original and the migrated script, or an empty string if nothing changes.

        The diff consists of bytes, because a script may have any encoding, and may contain characters that only Python
        treats as line ends.
        """
        if not isinstance(self.result, Migrated):
            return b""
        old, new = (text.splitlines(keepends=True) for text in (self.before, self.result.script))
        name = os.fsencode(self.path)
        lines = difflib.diff_bytes(difflib.unified_diff, old, new, name, name)
        return b"".join(line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in lines)


def migrate_files(
    paths: Iterable[str | os.PathLike[str]], write: bool = False, follow_links: bool = False
) -> Iterator[MigratedFile]:
    r"""Migrate the scripts and notebooks at the given file and folder paths.

    If a script takes a name such as `tfa` from another of the modules, for example with `from module import *`, the
    script gets an import of its own, because the import in the module may be removed. Scripts are parsed in a
    subprocess, so that a script that the parser cannot process does not affect the others.

    Args:
        paths: Paths of files, or of folders whose `.py` and `.ipynb` files are migrated. Hidden folders and virtual
            environments are skipped.
        write: If `True`, write the changes. Files are replaced atomically; file modes and symbolic links are preserved.
            Files with several hard links, and files that somebody else changes in the meantime, are not replaced.
        follow_links: If `True`, follow symbolic links in folders that lead out of `paths`.

    Yields:
        A `MigratedFile` for each script, including unchanged ones, and for each link that is not followed.

    Raises:
        ValueError: If a path does not exist.

    Example:
        >>> import pathlib, tempfile
        >>> script = pathlib.Path(tempfile.mkdtemp()) / "old.py"
        >>> _ = script.write_text("import tensorflow_addons as tfa\n\nlayer = tfa.layers.Maxout(3)\n")
        >>> [file.result.rewritten for file in migrate_files([script], write=True)]
        [1]
        >>> print(script.read_text(), end="")
        import tensorsmith.layers
        <BLANKLINE>
        layer = tensorsmith.layers.Maxout(3)
    """
    targets = script_files(paths, follow_links)
    if write:
        _remove_drafts({target.parent for target in targets.values() if target})
    scripts: dict[Path, bytes] = {}
    failed: dict[Path, UnreadableError | SkippedError] = {}
    modules: dict[Path, Globals] = {}
    for target in filter(None, targets.values()):
        try:
            scripts[target] = _read(target)
        except (UnreadableError, SkippedError) as error:
            failed[target] = error
    with Worker() as worker:
        if any(PACKAGE.encode() in script for script in scripts.values()):
            for target in [each for each in scripts if each.suffix == ".py"]:
                modules[target] = Globals()
                try:
                    modules[target] = worker.globals_of(scripts[target])
                except UnreadableError as error:
                    failed[target] = error
        worker.use(modules)
        for path, known in targets.items():
            before = scripts.get(known, b"") if known else b""
            yield MigratedFile(path, before, _migrated(known, before, failed, worker, write))


def _migrated(
    target: Path | None,
    before: bytes,
    failed: dict[Path, UnreadableError | SkippedError],
    worker: Worker,
    write: bool,
) -> Migrated | UnreadableError | NotWrittenError | SkippedError:
    """Migrate a file, and return the result or the error."""
    if not target:
        return SkippedError(": symbolic link that leads out of the given paths, not followed without --follow-links")
    if target in failed:
        return failed[target]
    try:
        result = worker.migrated(target, before)
        if write and result.script != before:
            _replace(target, before, result.script)
    except (UnreadableError, NotWrittenError) as error:
        return error
    return result


def _read(path: Path) -> bytes:
    """Return the contents of a script.

    Raises:
        UnreadableError: If the script cannot be read.
        SkippedError: If it is too large.
    """
    if not path.is_file():  # reading a named pipe would not return
        raise UnreadableError(": not a file" if path.exists() else ": symbolic link to a file that does not exist")
    most = LARGEST.get(path.suffix, LARGEST[".py"])
    try:
        if path.stat().st_size > most:
            raise SkippedError(f": larger than {most / 1e6:g} MB, not parsed")
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(f": {error.strerror}") from error


def _replace(path: Path, before: bytes, script: bytes) -> None:
    """Replace a file that is not a symbolic link, unless it has changed.

    Raises:
        NotWrittenError: If the file is not replaced.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise NotWrittenError(": changed while it was migrated; not written, because it is not a file any more")
        if status.st_nlink > 1:
            raise NotWrittenError(
                f": has {status.st_nlink} hard links, which would no longer be the same file; not written. Replace the "
                "file by a copy, and run the command again"
            )
        with replace_file(path) as draft:
            with draft.open("wb") as file:
                file.write(script)
                file.flush()
                os.fsync(file.fileno())  # now, because it takes time, during which the file could be changed
            _copy_attributes(path, status, draft)
            if path.read_bytes() != before:
                raise NotWrittenError(": changed while it was migrated; not written. Run the command again")
    except OSError as error:
        raise NotWrittenError(f": not written: {error.strerror}") from error


def _copy_attributes(path: Path, status: os.stat_result, draft: Path) -> None:
    """Copy the owner, the mode and the extended attributes of a file, but not its times.

    Raises:
        NotWrittenError: If the file belongs to a user or group whose files this user cannot create.
    """
    try:
        os.chown(draft, status.st_uid, status.st_gid)
    except PermissionError:
        raise NotWrittenError(": belongs to another user or group; not written") from None
    shutil.copystat(path, draft)
    os.utime(draft)


def _remove_drafts(folders: Iterable[Path]) -> None:
    """Remove the drafts of killed processes, also in folders in which nothing is left to write."""
    for folder in folders:
        if any(folder.glob(f"{PREFIX}*")):
            with contextlib.suppress(OSError), temporary_folder(folder):
                pass
