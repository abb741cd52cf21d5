"""Shards that are being written: the manifest beside them, which lets the same call resume and no other."""

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

UNPACKED = ".unpacked-"  # behind the name, of folders with what compressed sources hold
DRAFT = "-????????"  # what `replace_file` puts between a file's name and its ending


@contextlib.contextmanager
def manifest_kept(
    folder: Path,
    name: str,
    names: Collection[str],
    arguments: Mapping[str, Any],
    resume: bool,
    path: Path | None = None,
) -> Iterator[None]:
    """Keeps a manifest in the folder while shards are written there, and after an interruption.

    Args:
        folder: Where the shards are written.
        name: What all of them have in common.
        names: Of the shards, by split.
        arguments: What they depend on, as JSON has it.
        resume: Whether to go on with shards that are there, if the same was asked for; what else an interrupted call
            has left is removed then.
        path: A file for the manifest, which then stays; `None` takes `.NAME.reorder.json` in the folder.

    Raises:
        ValueError: There are shards of these names which are not to be gone on with.
    """
    manifest = Manifest(path or folder / f".{name}.reorder.json", arguments)
    if there := _shards(folder, names):
        interrupted = manifest.path.exists()
        expected = f"one without shards of {' and '.join(sorted(names))}"
        remedy = f"remove {there[0].name} and its like, or name another folder"
        if not resume and interrupted and not manifest.changed():
            remedy += "; or resume, as the same call wrote it and was interrupted"
        check(resume, "folder", str(folder), expected, remedy)
        check(interrupted, "folder", str(folder), f"{expected}, as no interrupted call has left these", remedy)
        remedy = f"ask for the same, or remove {there[0].name} and its like to begin anew"
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
    """Removes drafts, and what was unpacked, of a call that was killed."""
    for path in folder.glob(f".{glob.escape(name)}{UNPACKED}*"):
        shutil.rmtree(path)
    drafts = [f".{glob.escape(shard)}{DRAFT}.tfrecord-*-of-*" for shard in names]
    drafts += [f".{glob.escape(shard)}.tfrecord-*-of-*{DRAFT}{INDEX_SUFFIX}" for shard in names]
    for pattern in [*drafts, f"..{glob.escape(name)}.reorder{DRAFT}.json"]:
        for path in folder.glob(pattern):
            path.unlink()
