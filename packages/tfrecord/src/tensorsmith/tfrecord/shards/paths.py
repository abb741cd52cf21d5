"""Which files are meant."""

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from tensorsmith.core import check
from tensorsmith.tfrecord.shards.index import INDEX_SUFFIX


def find_record_files(sources: Sequence[str]) -> list[Path]:
    """The TFRecord files that are meant, each once.

    Args:
        sources: Files, patterns such as `train-*`, and folders, of which all files with `.tfrecord` in their name are
            taken. Indexes beside the files are left out, and in patterns and folders hidden files are too.

    Raises:
        FileNotFoundError: For one of the sources there is no file, or all of them are indexes.
    """
    found: dict[Path, None] = {}
    for source in sources:
        path = Path(source)
        if path.is_dir():
            files = _without_indexes(path.glob("*.tfrecord*"))
            problem = "there is no file in it with `.tfrecord` in its name"
        elif path.exists():
            # A pattern that the shell has expanded names indexes, too.
            if path.suffix == INDEX_SUFFIX and path.with_suffix("").exists():
                continue
            files, problem = [path], ""
        else:
            files = _without_indexes(map(Path, glob.glob(source)))  # noqa: PTH207 - Path.glob takes no absolute ones
            problem = "there is no such file" + (", nor one that fits" if glob.has_magic(source) else "")
        if not files:
            raise FileNotFoundError(f"{source}: {problem}")
        found.update(dict.fromkeys(files))
    if not found:
        raise FileNotFoundError(f"{', '.join(sources)}: an index holds no records; name the file beside it")
    return list(found)


def check_target(name: str, target: str | os.PathLike[str], sources: Iterable[str | os.PathLike[str]]) -> None:
    """Refuses to replace a file by what is made of it.

    Args:
        name: Of the argument that is the target.
        target: The file to write.
        sources: The files that are read.

    Raises:
        ValueError: The target is one of them.
    """
    target = Path(target)
    same = target.exists() and any(target.samefile(path) for path in sources)
    check(not same, name, os.fspath(target), "another file than what is read, which would be lost")


def _without_indexes(paths: Iterable[Path]) -> list[Path]:
    """In the order of their names."""
    return sorted(path for path in paths if path.suffix != INDEX_SUFFIX and path.name[0] != "." and path.is_file())
