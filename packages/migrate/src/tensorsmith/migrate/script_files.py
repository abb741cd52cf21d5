"""Search for scripts and notebooks in files and folders, with and without symbolic links."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tensorsmith.core import argument_error

SUFFIXES = (".py", ".ipynb")


def script_files(paths: Iterable[str | os.PathLike[str]], follow_links: bool) -> dict[Path, Path | None]:
    """Return the paths of scripts and notebooks, and the file that each of them refers to.

    A file that has several paths because of symbolic links is returned once, preferably with its real path. The value
    is `None` for symbolic links in folders that lead out of all given paths, unless `follow_links` is `True`.

    Args:
        paths: Paths of files and folders. If they are symbolic links, they are followed.
        follow_links: If `True`, follow symbolic links that lead out of the given paths.

    Raises:
        ValueError: If a path does not exist.
    """
    named = [Path(path) for path in paths]
    for path in named:
        if not os.path.lexists(path):
            raise argument_error("paths", str(path), "contain only existing files or folders")
    roots = {_target(path) for path in named}

    def leads_out(path: Path) -> bool:
        target = _target(path)
        inside = target in roots or any(
            root in target.parents and not _is_skipped(root, target if target.is_dir() else target.parent)
            for root in roots
        )
        return path.is_symlink() and not inside

    visited: set[Path] = set()
    found: dict[Path, Path | None] = {}
    for path in named:
        if not path.is_dir():
            found[path] = _target(path)
            continue
        for script in _walk(path, leads_out, follow_links, visited):
            found.setdefault(script, None if leads_out(script) and not follow_links else _target(script))
    first: dict[Path, Path] = {}
    for path, target in sorted(found.items(), key=lambda item: item[0].is_symlink()):
        if target:
            first.setdefault(target, path)
    return {path: target for path, target in found.items() if target is None or first[target] == path}


def _is_skipped(root: Path, folder: Path) -> bool:
    """Return `True` if a folder, or one between it and the root, is hidden or a virtual environment."""
    between = [folder, *folder.parents][: len(folder.parts) - len(root.parts)]
    return any(each.name.startswith(".") or (each / "pyvenv.cfg").exists() for each in between)


def _walk(root: Path, leads_out: Callable[[Path], bool], follow_links: bool, visited: set[Path]) -> Iterator[Path]:
    """Yield the paths of scripts and notebooks in a folder, and of links to folders that are not followed.

    Args:
        root: Path of the folder.
        leads_out: Function that returns `True` for symbolic links that lead out of the given paths.
        follow_links: If `True`, follow these links.
        visited: Resolved paths of folders that are skipped. The visited folders are added, so that links to a parent
            folder do not lead to an endless recursion.
    """
    for folder, folders, files in os.walk(root, followlinks=True):
        here = Path(folder)
        if _target(here) in visited:
            folders.clear()
            continue
        visited.add(_target(here))
        yield from (here / name for name in sorted(files) if name.endswith(SUFFIXES))
        inside = [name for name in sorted(folders) if not _is_skipped(here, here / name)]
        links = [name for name in inside if (here / name).is_symlink()]
        leading_out = [name for name in links if leads_out(here / name)]
        if not follow_links:
            yield from (here / name for name in leading_out)
        # Folders to which other links refer are visited under their own paths.
        folders[:] = [name for name in inside if name not in links or (follow_links and name in leading_out)]


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))  # in contrast to Path.resolve, it does not fail for circular links
