"""Storage of checkpoints in folders that are written atomically and protected by checksums."""

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

from tensorsmith.core import current_umask
from tensorsmith.training.checkpoint.metadata import find_mistake

DRAFT = ".draft-"  # prefix of the names of incomplete folders
STATE = "state"  # bundle of variables, next to the bundles of data positions
METADATA, FILES = "metadata", "files"  # keys of two JSON strings in the bundle, in addition to the variables
CHUNK = 1 << 20  # bytes that are read at a time


class DamagedCheckpointError(Exception):
    """Error raised if a checkpoint is corrupted."""


def new_draft(folder: Path) -> Path:
    """Creates an empty draft folder for a new checkpoint, which is ignored when checkpoints are read."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder, prefix=DRAFT))
    draft.chmod(0o777 & ~current_umask())  # mkdtemp creates folders with mode 0700
    return draft


def finish(draft: Path, name: str, values: Mapping[str, np.ndarray], metadata: str) -> Path:
    """Writes variables and metadata to a draft folder, and renames the folder to the name of the checkpoint.

    Args:
        draft: Draft folder created by `new_draft`, which already contains the other files of the checkpoint.
        name: Name of the checkpoint folder.
        values: Mapping from keys to variable values.
        metadata: Metadata, serialized as JSON.

    Raises:
        OSError: If the checkpoint cannot be written. The draft is removed in this case.
    """
    target = draft.parent / name
    try:
        tensors = {**values, METADATA: np.array(metadata), FILES: np.array(json.dumps(_checksums(draft)))}
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
        raise OSError(f"{target}: cannot write the checkpoint: {reason.rpartition(';')[2].strip()}") from error
    finally:
        sweep(target.parent)
    return target


def read_metadata(checkpoint: Path) -> Any:
    """Returns the metadata of a checkpoint, without reading its variables.

    Raises:
        DamagedCheckpointError: If the checkpoint cannot be read.
    """
    with _damage_shows(checkpoint):
        _check_files(checkpoint)
        return json.loads(tf.train.load_checkpoint(str(checkpoint / STATE)).get_tensor(METADATA))


def read(checkpoint: Path) -> tuple[dict[str, np.ndarray], Any]:
    """Returns the variables and the metadata of a checkpoint, after verifying the checksums of all files.

    Raises:
        DamagedCheckpointError: If the checkpoint is corrupted.
    """
    with _damage_shows(checkpoint):
        _check_files(checkpoint)
        reader = tf.train.load_checkpoint(str(checkpoint / STATE))
        values = {key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map()}
        files = json.loads(values.pop(FILES))
        if not isinstance(files, dict) or not files.keys() <= {file.name for file in checkpoint.iterdir()}:
            raise DamagedCheckpointError(f"{checkpoint}: some files are missing, or their list is damaged")
        if _checksums(checkpoint, files) != files:
            raise DamagedCheckpointError(f"{checkpoint}: the position in the data does not match the checkpoint")
        metadata = json.loads(values.pop(METADATA))
        if mistake := find_mistake(metadata):
            raise DamagedCheckpointError(f"{checkpoint}: the metadata lack valid values of {mistake}")
        return values, metadata


def checkpoints_in(folder: Path) -> list[Path]:
    """Returns the checkpoints in a folder, sorted from oldest to newest."""
    return sorted(path.parent for path in folder.glob(f"*/{STATE}.index") if not path.parent.name.startswith(DRAFT))


def remove(checkpoint: Path) -> None:
    """Removes a checkpoint atomically."""
    if checkpoint.exists():
        checkpoint.rename(new_draft(checkpoint.parent) / checkpoint.name)
    sweep(checkpoint.parent)


def sweep(folder: Path) -> None:
    """Removes incomplete checkpoint folders of killed processes."""
    for draft in folder.glob(f"{DRAFT}*"):
        shutil.rmtree(draft, ignore_errors=True)


@contextlib.contextmanager
def _damage_shows(checkpoint: Path) -> Iterator[None]:
    try:
        yield
    except DamagedCheckpointError:
        raise
    except Exception as error:  # TensorFlow's reader raises errors of many types
        raise DamagedCheckpointError(f"{checkpoint}: {error}") from error


def _checksums(folder: Path, names: Iterable[str] | None = None) -> dict[str, int]:
    """Returns a dict that maps the names of the given files, by default all files, to their checksums."""
    files = sorted(folder.iterdir()) if names is None else [folder / name for name in names]
    return {file.name: _checksum(file) for file in files}


def _checksum(file: Path) -> int:
    checksum = 0
    with file.open("rb") as content:
        while part := content.read(CHUNK):
            checksum = zlib.crc32(part, checksum)
    return checksum


def _check_files(checkpoint: Path) -> None:
    """Raises an error if there are files of which the end is never reached, such as named pipes."""
    special = next((file for file in checkpoint.iterdir() if not file.is_file()), None)
    if special is not None:
        raise DamagedCheckpointError(f"{checkpoint}: {special.name} is not a regular file")


def _flush(path: Path) -> None:
    """Flushes a file or folder to persistent storage."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
