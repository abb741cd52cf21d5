"""Manifests of unfinished shards, whose stored arguments ensure that only an identical call can resume."""

import contextlib
import glob
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from tensorsmith.core import check
from tensorsmith.tfrecord._support.manifest import Manifest
from tensorsmith.tfrecord.shards.index import INDEX_SUFFIX
from tensorsmith.tfrecord.shards.layout import name_of

UNPACKED = ".unpacked-"  # follows the name in folders with the content of compressed files
DRAFT = "-????????"  # pattern of the characters that `replace_file` inserts before the suffix of a file


@contextlib.contextmanager
def manifest_kept(
    folder: Path,
    name: str,
    names: Collection[str],
    arguments: Mapping[str, Any],
    resume: bool,
    path: Path | None = None,
) -> Iterator[None]:
    """Context manager that stores a manifest while shards are written. It is not deleted after an interruption.

    Args:
        folder: Folder that contains the shards.
        name: Common prefix of the shard names of all splits.
        names: Collection with the prefix of the shard names of each split.
        arguments: Arguments that affect the shards, as JSON-serializable values.
        resume: If `True`, and if the arguments are the same as in the interrupted call, keep the shards of that call
            and remove its other files.
        path: Path of a permanent manifest file. If `None`, the temporary file `.NAME.reorder.json` in the folder is
            used.

    Raises:
        ValueError: If there are shards of these names that cannot be resumed.
    """
    manifest = Manifest(path or folder / f".{name}.reorder.json", arguments)
    if there := _shards(folder, names):
        interrupted = manifest.path.exists()
        prefixes = " and ".join(sorted(names))
        remedy = f"remove {there[0].name} and the other shards, or pass another folder"
        if not resume and interrupted and not manifest.changed():
            remedy += ", or resume the interrupted call with the same arguments"
        check(resume, "folder", str(folder), f"not contain shards of {prefixes}", remedy)
        check(
            interrupted,
            "folder",
            str(folder),
            f"not contain shards of {prefixes} other than those of an interrupted call",
            remedy,
        )
        remedy = f"pass the same arguments, or remove {there[0].name} and the other shards to start again"
        manifest.check_unchanged(remedy)
    if resume:
        _sweep(folder, name, names)
    manifest.write()
    done = False
    try:
        yield
        done = True
    finally:
        if (done and path is None) or not _shards(folder, names):
            manifest.path.unlink()


def _shards(folder: Path, names: Collection[str]) -> list[Path]:
    return sorted(path for path in folder.glob("*.tfrecord*") if path.suffix != INDEX_SUFFIX and name_of(path) in names)


def _sweep(folder: Path, name: str, names: Collection[str]) -> None:
    """Removes the temporary files that a killed process left in the folder."""
    for path in folder.glob(f".{glob.escape(name)}{UNPACKED}*"):
        shutil.rmtree(path)
    drafts = [f".{glob.escape(shard)}{DRAFT}.tfrecord-*-of-*" for shard in names]
    drafts += [f".{glob.escape(shard)}.tfrecord-*-of-*{DRAFT}{INDEX_SUFFIX}" for shard in names]
    for pattern in [*drafts, f"..{glob.escape(name)}.reorder{DRAFT}.json"]:
        for path in folder.glob(pattern):
            path.unlink()
