"""Lookup of input files and validation of output files."""

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from tensorsmith.core import Verbatim, check
from tensorsmith.tfrecord.schema.stored import SCHEMA
from tensorsmith.tfrecord.shards.index import INDEX_SUFFIX, index_path


def find_record_files(sources: Sequence[str]) -> list[Path]:
    """Returns the TFRecord files specified by paths, glob patterns and folders.

    Args:
        sources: Files, glob patterns such as `train-*`, and folders. A folder represents all of its files with
            `.tfrecord` in their name. Index files are skipped, as are hidden files that are not specified explicitly.

    Returns:
        The paths of the files, without duplicates.

    Raises:
        FileNotFoundError: If a source matches no file, or if all sources are index files.
    """
    found: dict[Path, None] = {}
    for source in sources:
        path = Path(source)
        if path.is_dir():
            files = _without_indexes(path.glob("*.tfrecord*"))
            problem = "the folder contains no file with `.tfrecord` in its name"
        elif path.exists():
            # A pattern expanded by the shell includes index files.
            if path.suffix == INDEX_SUFFIX and path.with_suffix("").exists():
                continue
            files, problem = [path], ""
        else:
            files = _without_indexes(map(Path, glob.glob(source)))  # noqa: PTH207 - Path.glob takes no absolute ones
            problem = "no such file" + (", and no file that matches" if glob.has_magic(source) else "")
        if not files:
            raise FileNotFoundError(f"{source}: {problem}")
        found.update(dict.fromkeys(files))
    if not found:
        raise FileNotFoundError(f"{', '.join(sources)}: an index holds no records; pass the file next to it")
    return list(found)


def check_target(name: str, target: str | os.PathLike[str], sources: Iterable[str | os.PathLike[str]]) -> None:
    """Checks that the output file is not a folder, and not one of the input files.

    Args:
        name: Name of the argument that specifies the output file.
        target: Path of the output file.
        sources: Paths of the input files.

    Raises:
        ValueError: If `target` is a folder or one of `sources`.
    """
    target = Path(target)
    check(not target.is_dir(), name, Verbatim(f"the folder {target}"), "a file")
    same = target.exists() and any(Path(path).exists() and target.samefile(path) for path in sources)
    check(
        not same,
        name,
        os.fspath(target),
        "differ from the input file",
        "pass another output file, so that the input file is not overwritten",
    )


def check_not_companion(name: str, target: str | os.PathLike[str], sources: Iterable[str | os.PathLike[str]]) -> None:
    """Checks that the output file is not the index of an input file or the `schema.yaml` next to it.

    Args:
        name: Name of the argument that specifies the output file.
        target: Path of the output file, which may not exist.
        sources: Paths of the input files.

    Raises:
        ValueError: If `target` is such a companion file.
    """
    companions = (companion for path in map(Path, sources) for companion in (index_path(path), path.with_name(SCHEMA)))
    check(
        location(target) not in set(map(location, companions)),
        name,
        os.fspath(target),
        f"differ from {SCHEMA} and the index files of the input files",
        "pass another output file",
    )


def location(path: str | os.PathLike[str]) -> Path:
    """Returns the absolute path of a file in its resolved folder. A symbolic link to a file is not resolved."""
    path = Path(path)
    return path.parent.resolve() / path.name


def _without_indexes(paths: Iterable[Path]) -> list[Path]:
    """Returns the paths of files in sorted order, excluding index files and hidden files."""
    return sorted(path for path in paths if path.suffix != INDEX_SUFFIX and path.name[0] != "." and path.is_file())
