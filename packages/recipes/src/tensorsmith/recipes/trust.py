"""Code and files that a run folder or a configuration file can name, and which of them are used without `--trust`."""

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.recipes.catalog import recipes_folder
from tensorsmith.runs import Recipe

REMEDY = "pass --trust (in Python, trust=True) if you trust the source of these files"
FIELD = re.compile(r"\{\w+(:0?\d*d?|:\.\d+[efg])?\}")  # number in the path of a file, such as `{epoch:03d}`
STORED = ("config.yaml", "search.yaml", "comparison.yaml")  # files of folders that somebody else may have made
PLAIN = (str, int, float, bool, type(None))
PATHS = re.compile(r"file|path|dir|folder|root|(?:^|_)log")  # arguments of callbacks that are paths


def check_script(name: str, path: Path, folder: Path | None) -> None:
    """Raise an error if a configuration names a Python file that could come from the source of the configuration.

    Recipes of the catalog are used, and files in the current folder or its subfolders, but not in the run folder.

    Args:
        name: Name of the field, for the error message.
        path: Path of the Python file.
        folder: Folder that is not trusted, such as the run folder, or `None`.

    Raises:
        ValueError: If the file is in that folder, or is neither in the current folder nor a recipe of the catalog.
    """
    path = path.resolve()
    own = path.is_relative_to(Path.cwd()) and not (folder is not None and path.is_relative_to(folder.resolve()))
    known = own or path.is_relative_to(recipes_folder().resolve())
    received = Verbatim(f"{path}, which would be executed")
    check(known, name, received, f"a file in the current folder and outside of {folder or 'the run folder'}", REMEDY)


def check_code_fields(recipe: Recipe, values: Mapping[str, Any], source: Path) -> None:
    """Raise an error if a configuration file names code: a SavedModel, or the Python file of a data set.

    Python files may be in the current folder, as recipes may.

    Args:
        recipe: Recipe, whose attribute `code_fields` contains the names of these fields.
        values: Fields and values in the file.
        source: Path of the configuration file, for the error message.

    Raises:
        ValueError: If a field for files with code differs from its default, or if a value is the path of a Python file
            that could come from the source of the configuration file.
    """
    for name, value in values.items():
        if name in ("recipe", "callbacks"):  # checked elsewhere
            continue
        for path in _leaves(value):
            if isinstance(path, str) and path.endswith(".py"):
                check_script(name, Path(path.replace("\0", "")), _folder_of(source))
    defaults = recipe.config_class()
    for name in recipe.code_fields:
        received = Verbatim(f"{values.get(name)!r} in {source}, from which code would be loaded")
        usual = values.get(name, getattr(defaults, name)) == getattr(defaults, name)
        check(usual, name, received, "omitted", f"pass it as --{name}, or {REMEDY}")


def untrusted_folders(run: Path, config: Path | None = None) -> list[Path]:
    """Return the folders whose modules are not imported: the run folder, and the folder of a configuration file.

    The current folder is trusted, unless it is the run folder or contains a file `config.yaml`, as run folders do.

    Args:
        run: Run folder.
        config: Configuration file, or `None`.
    """
    folder = None if config is None else _folder_of(config)
    return [run] if folder is None else [run, folder]


def _folder_of(config: Path) -> Path | None:
    """Return the folder of a configuration file if it is not trusted, or `None`."""
    folder = config.absolute().parent
    own = Path.cwd().resolve().is_relative_to(folder.resolve())
    return None if own and not any((folder / name).exists() for name in STORED) else folder


def check_content(run: Path) -> None:
    """Raise an error if a run folder contains links to other folders, special files, or folders that cannot be listed.

    Files that are written to such a run folder would replace others, and reading a named pipe would not return. A hard
    link is another name of a file that may be outside of the folder.

    Args:
        run: Run folder.

    Raises:
        ValueError: If there is such a link, file or folder.
    """
    root = os.path.realpath(run)

    def refuse(path: str | Path, kind: str, remedy: str = REMEDY) -> NoReturn:
        received = Verbatim(f"{run} with {Path(path).name}, {kind}")
        raise argument_error("run", received, "a folder of regular files", remedy)

    def refuse_unlisted(error: OSError) -> NoReturn:
        refuse(error.filename, f"which cannot be listed ({error.strerror})")

    for folder, folders, files in os.walk(run, onerror=refuse_unlisted):
        for path in (Path(folder) / name for name in (*folders, *files)):
            try:
                mode, links = (status := path.lstat()).st_mode, status.st_nlink
            except FileNotFoundError:  # a temporary file of another process, which has been removed
                continue
            if stat.S_ISLNK(mode):
                if not Path(os.path.realpath(path)).is_relative_to(root):
                    refuse(path, "a link that leads out of it")
            elif stat.S_ISREG(mode):
                if links > 1:
                    refuse(path, "a file with several names (hard links)", f"copy the folder, or {REMEDY}")
            elif not stat.S_ISDIR(mode):
                refuse(path, "a special file")


def map_paths(function: Callable[[str, str], str], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a callback, with `function(name, path)` applied to all paths of files.

    Strings are paths if the name of their argument says so, as in `filename` and `log_dir`, or if they contain a slash.
    """

    def mapped(name: str, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [mapped(name, part) for part in value]
        if isinstance(value, Mapping):
            return {key: mapped(str(key), part) for key, part in value.items()}
        is_path = isinstance(value, str) and (PATHS.search(name) or "/" in value or "\\" in value)
        return function(name, value) if is_path else value

    return {name: mapped(str(name), value) for name, value in arguments.items()}


def check_paths(arguments: Mapping[str, Any], run: Path, callback: str) -> None:
    """Raise an error if a callback of a configuration could write files outside of the run folder.

    Args:
        arguments: Keyword arguments of the callback, whose paths are relative to the run folder.
        run: Run folder.
        callback: Import path of the callback, for the error message.

    Raises:
        ValueError: If a path is outside of the run folder, or could be outside after its fields have been formatted.
    """

    def check_path(name: str, path: str) -> str:
        expected, remedy = f"a path in the run folder {run}", f"pass a relative path, or {REMEDY}"
        check(_is_inside(path, run), f"{name} of {callback}", path, expected, remedy)
        return path

    map_paths(check_path, arguments)
    unusual = [value for value in _leaves(arguments) if not isinstance(value, PLAIN)]
    expected = f"numbers, strings, booleans, lists and mappings in the arguments of {callback}"
    check(not unusual, "callbacks", unusual[:1], expected, REMEDY)


def _is_inside(path: str, run: Path) -> bool:
    """Return `True` if a path is in the run folder, with any numbers as values of its fields such as `{epoch:03d}`."""
    literal = FIELD.sub("0", path)
    if {"{", "}"} & set(literal) or ".." in Path(literal).parts:
        return False
    try:
        return (run / literal).resolve().is_relative_to(run.resolve())
    except (ValueError, RuntimeError, OSError):  # null bytes, circular links
        return False


def _leaves(value: Any) -> Iterator[Any]:
    """Yield the values in nested lists and mappings."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part)
    else:
        yield value
