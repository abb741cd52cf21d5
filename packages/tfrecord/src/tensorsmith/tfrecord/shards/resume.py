"""Manifests of unfinished shards, whose stored arguments ensure that only an identical call can resume."""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from tensorsmith.core import check
from tensorsmith.tfrecord._support.manifest import Manifest
from tensorsmith.tfrecord.shards.index import INDEX_SUFFIX
from tensorsmith.tfrecord.shards.layout import name_of


@contextlib.contextmanager
def manifest_kept(
    folder: Path,
    name: str,
    names: Collection[str],
    arguments: Mapping[str, Any],
    resume: bool,
    path: Path | None = None,
) -> Iterator[bool]:
    """Context manager that stores a manifest while shards are written. It is not deleted after an interruption.

    It yields `True`, and stores nothing, if shards are to be resumed that have no temporary manifest, because the call
    that has written them is complete.

    Args:
        folder: Folder that contains the shards.
        name: Common prefix of the shard names of all splits.
        names: Collection with the prefix of the shard names of each split.
        arguments: Arguments that affect the shards, as JSON-serializable values.
        resume: If `True`, and if the arguments are the same as in the interrupted call, keep the shards of that call.
        path: Path of a permanent manifest file. If `None`, the temporary file `.NAME.reorder.json` in the folder is
            used.

    Raises:
        ValueError: If there are shards of these names that cannot be resumed, or if the manifest file belongs to
            another program.
    """
    manifest = Manifest(path or folder / f".{name}.reorder.json", arguments)
    interrupted = manifest.exists()
    if there := shards_in(folder, names):
        prefixes = " and ".join(sorted(names))
        remedy = "pass another folder or name"
        if not resume and interrupted and not manifest.changed():
            remedy += ", or resume the interrupted call with the same arguments"
        check(resume, "folder", str(folder), f"not contain shards of {prefixes}", remedy)
        if not interrupted and path is None:
            yield True
            return
        check(interrupted, "folder", str(folder), f"not contain shards of {prefixes} from another call", remedy)
        remedy = f"pass the same arguments, or remove {there[0].name} and the other shards to start again"
        manifest.check_unchanged(remedy)
    manifest.write()
    done = False
    try:
        yield False
        done = True
    finally:
        if (done and path is None) or not shards_in(folder, names):
            manifest.path.unlink(missing_ok=True)


def shards_in(folder: Path, names: Collection[str]) -> list[Path]:
    """Returns the sorted paths of the shards in a folder whose names have one of the given prefixes."""
    return sorted(path for path in folder.glob("*.tfrecord*") if path.suffix != INDEX_SUFFIX and name_of(path) in names)
