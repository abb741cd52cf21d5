"""Migration of script files and notebooks, and of all of them in folders."""

import difflib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tensorsmith.core import argument_error, replace_file
from tensorsmith.migrate.modules import Importer, Modules
from tensorsmith.migrate.notebook import rewrite_notebook
from tensorsmith.migrate.parsing import UnreadableError
from tensorsmith.migrate.rewrite import Migrated, rewrite

NOTEBOOK = ".ipynb"


@dataclass(frozen=True)
class MigratedFile:
    """Script file or notebook, and the result of its migration.

    Attributes:
        path: Path of the script.
        before: Source before the migration.
        result: Migrated script, or the error raised if the script could not be read or parsed.
    """

    path: Path
    before: bytes
    result: Migrated | UnreadableError

    @property
    def diff(self) -> bytes:
        """Return the unified diff between the original and the migrated script, or an empty string if nothing changes.

        The diff consists of bytes, because a script may have any encoding, and may contain characters that only Python
        treats as line ends.
        """
        if isinstance(self.result, UnreadableError):
            return b""
        old, new = (text.splitlines(keepends=True) for text in (self.before, self.result.script))
        name = os.fsencode(self.path)
        lines = difflib.diff_bytes(difflib.unified_diff, old, new, name, name)
        return b"".join(line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in lines)


def migrate_files(paths: Iterable[str | os.PathLike[str]], write: bool = False) -> Iterator[MigratedFile]:
    r"""Migrate the scripts and notebooks at the given file and folder paths.

    If a script takes a name such as `tfa` from another of the modules, for example with `from module import *`, the
    script gets an import of its own, because the import in the module may be removed.

    Args:
        paths: Paths of files, or of folders whose `.py` and `.ipynb` files are migrated. Hidden folders and virtual
            environments are skipped.
        write: If `True`, write the changes. Files are replaced atomically; file modes and symbolic links are preserved.

    Yields:
        A `MigratedFile` for each script, including unchanged ones.

    Raises:
        ValueError: If a path does not exist.
        OSError: If a file cannot be written.

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
    scripts = [script for path in paths for script in _scripts(Path(path))]
    modules = Modules(scripts)
    for script in scripts:
        before = b""
        try:
            before = _read(script)
            importer = Importer(modules, script.resolve())
            result = (rewrite_notebook if script.suffix == NOTEBOOK else rewrite)(before, importer)
        except UnreadableError as error:
            yield MigratedFile(script, before, error)
            continue
        if write and result.script != before:
            _replace(script, result.script)
        yield MigratedFile(script, before, result)


def _scripts(path: Path) -> Iterator[Path]:
    """Yield the path if it is a file, otherwise the paths of all scripts and notebooks in the folder."""
    if not path.is_dir():
        if not (path.exists() or path.is_symlink()):
            raise argument_error("paths", str(path), "contain only existing files or folders")
        yield path
        return
    for folder, folders, files in os.walk(path):
        here = Path(folder)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and not (here / name / "pyvenv.cfg").exists()
        )
        yield from (here / name for name in sorted(files) if name.endswith((".py", NOTEBOOK)))


def _read(path: Path) -> bytes:
    """Return the contents of a script.

    Raises:
        UnreadableError: If the script cannot be read.
    """
    if not path.is_file():  # reading a named pipe would not return
        raise UnreadableError(": not a file" if path.exists() else ": symbolic link to a file that does not exist")
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(f": {error.strerror}") from error


def _replace(path: Path, script: bytes) -> None:
    target = path.resolve()  # preserves symbolic links
    mode = target.stat().st_mode
    with replace_file(target) as draft:
        draft.write_bytes(script)
    target.chmod(mode)
