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
) -> Iterator[None]:
    """Context manager that stores a manifest while shards are written. It is not deleted after an interruption.

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
    if there := _shards(folder, names):
        prefixes = " and ".join(sorted(names))
        remedy = "pass another folder or name"
        if not resume and interrupted and not manifest.changed():
            remedy += ", or resume the interrupted call with the same arguments"
        check(resume, "folder", str(folder), f"not contain shards of {prefixes}", remedy)
        check(
            interrupted,
            "folder",
            str(folder),
            f"not contain shards of {prefixes} other than those of an interrupted call",
            "keep these shards if the call that wrote them was the same, because it has completed; "
            "otherwise, pass another folder or name",
        )
        remedy = f"pass the same arguments, or remove {there[0].name} and the other shards to start again"
        manifest.check_unchanged(remedy)
    manifest.write()
    done = False
    try:
        yield
        done = True
    finally:
        if (done and path is None) or not _shards(folder, names):
            manifest.path.unlink(missing_ok=True)


def _shards(folder: Path, names: Collection[str]) -> list[Path]:
    return sorted(path for path in folder.glob("*.tfrecord*") if path.suffix != INDEX_SUFFIX and name_of(path) in names)
