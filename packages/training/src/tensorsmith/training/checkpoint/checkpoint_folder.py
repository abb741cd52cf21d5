"""One checkpoint on disk: a folder that is there whole or not at all, and whose damage shows when it is read."""

import contextlib
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

DRAFT = ".draft-"  # what the names of unfinished folders begin with
STATE = "state"  # the bundle of variables; beside it lie the bundles of data positions
NOTE, FILES = "note", "files"  # keys in that bundle, beside those of variables: both are texts in JSON


class DamagedCheckpointError(Exception):
    """A checkpoint that cannot be read as it was written."""


def new_draft(folder: Path) -> Path:
    """An empty folder to fill, which no reader takes for a checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=folder, prefix=DRAFT))


def finish(draft: Path, name: str, values: Mapping[str, np.ndarray], note: str) -> Path:
    """Writes variables and note into a draft and gives it its name; what had that name is replaced.

    Args:
        draft: From `new_draft`, with whatever else belongs to the checkpoint.
        name: The name of the checkpoint.
        values: Variables by key.
        note: A text in JSON.

    Raises:
        OSError: No room, or no right to write; the draft is gone then.
    """
    target = draft.parent / name
    try:
        tensors = {**values, NOTE: np.array(note), FILES: np.array(json.dumps(_checksums(draft)))}
        tf.raw_ops.SaveV2(
            prefix=str(draft / STATE),
            tensor_names=list(tensors),
            shape_and_slices=[""] * len(tensors),
            tensors=list(tensors.values()),
        )
        for file in (*draft.iterdir(), draft):
            _flush(file)
        if target.exists():
            target.rename(draft.with_name(f"{draft.name}-before"))
        draft.rename(target)
        _flush(target.parent)
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "message", None) or str(error)
        raise OSError(f"{target}: the checkpoint could not be written: {reason.rpartition(';')[2].strip()}") from error
    finally:
        sweep(target.parent)
    return target


def read_note(checkpoint: Path) -> Any:
    """What the note of a checkpoint says.

    Raises:
        DamagedCheckpointError: It cannot be read.
    """
    with _damage_shows(checkpoint):
        return json.loads(tf.train.load_checkpoint(str(checkpoint / STATE)).get_tensor(NOTE))


def read(checkpoint: Path) -> tuple[dict[str, np.ndarray], Any]:
    """Variables by key, and what the note says, once every file has been compared with its checksum.

    Raises:
        DamagedCheckpointError: It cannot be read as it was written.
    """
    with _damage_shows(checkpoint):
        reader = tf.train.load_checkpoint(str(checkpoint / STATE))
        values = {key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map()}
        files = json.loads(values.pop(FILES))
        if _checksums(checkpoint, files) != files:
            raise DamagedCheckpointError(f"{checkpoint}: the position in the data is not the one that was written")
        return values, json.loads(values.pop(NOTE))


def checkpoints_in(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first; their names sort so."""
    return sorted(path.parent for path in folder.glob(f"*/{STATE}.index") if not path.parent.name.startswith(DRAFT))


def remove(checkpoint: Path) -> None:
    """Removes a checkpoint so that no reader meets half of it."""
    if checkpoint.exists():
        checkpoint.rename(new_draft(checkpoint.parent) / checkpoint.name)
    sweep(checkpoint.parent)


def sweep(folder: Path) -> None:
    """Removes unfinished folders, which a process that was killed leaves behind."""
    for draft in folder.glob(f"{DRAFT}*"):
        shutil.rmtree(draft, ignore_errors=True)


@contextlib.contextmanager
def _damage_shows(checkpoint: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # TensorFlow's reader raises whatever it stumbles over
        raise DamagedCheckpointError(f"{checkpoint}: {error}") from error


def _checksums(folder: Path, names: Iterable[str] | None = None) -> dict[str, int]:
    """Of the files with some names, or of all; TensorFlow sees to those of variables, but not to those of positions."""
    files = sorted(folder.iterdir()) if names is None else [folder / name for name in names]
    return {file.name: zlib.crc32(file.read_bytes()) for file in files}


def _flush(path: Path) -> None:
    """Waits until the disk has it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
