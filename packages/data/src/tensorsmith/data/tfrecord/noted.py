"""What shards were asked for, noted beside them until all are there, so that no other call goes on with them."""

import contextlib
import glob
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorsmith.core import Verbatim, check, replace_file
from tensorsmith.data.tfrecord.index import SUFFIX
from tensorsmith.data.tfrecord.shards import name_of

UNPACKED = ".unpacked-"  # behind the name, of folders with what compressed sources hold
DRAFT = "-????????"  # what `replace_file` puts between a file's name and its ending


def stamps(files: Sequence[str | os.PathLike[str]]) -> list[list[Any]]:
    """What tells whether files are others, or have changed: name, size and time of change of each."""
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in map(Path, files)]


@contextlib.contextmanager
def noted(
    folder: Path, name: str, names: Collection[str], asked: Mapping[str, Any], resume: bool, note: Path | None = None
) -> Iterator[None]:
    """Keeps a note in the folder while shards are written there, and after an interruption.

    Args:
        folder: Where the shards are written.
        name: What all of them have in common.
        names: Of the shards, by split.
        asked: What they depend on, as JSON has it.
        resume: Whether to go on with shards that are there, if the same was asked for; what else an interrupted call
            has left is removed then.
        note: A file for the note, which then stays; `None` takes `.NAME.reorder.json` in the folder.

    Raises:
        ValueError: There are shards of these names which are not to be gone on with.
    """
    stays, note = note is not None, note or folder / f".{name}.reorder.json"
    asked = json.loads(json.dumps(asked))
    if there := _shards(folder, names):
        before = _read(note)
        changed = sorted(key for key in asked if asked[key] != before.get(key))
        expected = f"one without shards of {' and '.join(sorted(names))}"
        remedy = f"remove {there[0].name} and its like, or name another folder"
        if not resume and before and not changed:
            remedy += "; or resume, as the same call wrote it and was interrupted"
        check(resume, "folder", str(folder), expected, remedy)
        check(bool(before), "folder", str(folder), f"{expected}, as no interrupted call has left these", remedy)
        remedy = f"ask for the same, or remove {there[0].name} and its like to begin anew"
        received = Verbatim(f"another {' and another '.join(changed)}")
        check(not changed, "resume", received, "what was begun with", remedy)
    if resume:
        _sweep(folder, name, names)
    with replace_file(note) as draft:
        draft.write_text(json.dumps(asked), encoding="utf-8")
    done = False
    try:
        yield
        done = True
    finally:
        if (done and not stays) or not _shards(folder, names):
            note.unlink()


def _shards(folder: Path, names: Collection[str]) -> list[Path]:
    return sorted(path for path in folder.glob("*.tfrecord*") if path.suffix != SUFFIX and name_of(path) in names)


def _read(note: Path) -> dict[str, Any]:
    """What a note says; nothing where there is none."""
    return dict(json.loads(note.read_text(encoding="utf-8"))) if note.exists() else {}


def _sweep(folder: Path, name: str, names: Collection[str]) -> None:
    """Removes drafts, and what was unpacked, of a call that was killed."""
    for path in folder.glob(f".{glob.escape(name)}{UNPACKED}*"):
        shutil.rmtree(path)
    drafts = [f".{glob.escape(shard)}{DRAFT}.tfrecord-*-of-*" for shard in names]
    drafts += [f".{glob.escape(shard)}.tfrecord-*-of-*{DRAFT}{SUFFIX}" for shard in names]
    for pattern in [*drafts, f"..{glob.escape(name)}.reorder{DRAFT}.json"]:
        for path in folder.glob(pattern):
            path.unlink()
