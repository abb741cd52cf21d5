"""Elements that are made once and read again, as long as what they were made from is the same."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorsmith.core import Verbatim, argument_error, check, load_tensorflow, replace_file
from tensorsmith.core.types import Dataset, NestedTensors, Tensor
from tensorsmith.data.pipelines.arguments import Transformation, counted
from tensorsmith.tfrecord import Index, write_index

ROWS_AT_ONCE = 64


def cached(
    folder: str | os.PathLike[str] | None = None, *, version: Any = None, files: Sequence[str | os.PathLike[str]] = ()
) -> Transformation:
    """Keeps a dataset's elements in memory or on disk.

    Place it behind what is slow and before what is random: what was drawn before it stays the same in each epoch.

    In memory, elements are kept from the first pass on, which has to go through all of them, until the dataset is gone.
    On disk they are written when this is applied, to a TFRecord file whose name is a hash of the version, the structure
    of the elements, and the paths, sizes and times of the files. Where one of these changes, the elements are made
    again. The file gets its name when it is complete, so that another process sees all of it or nothing; of a process
    that was killed a hidden file may be left. No cache is deleted: old ones are the caller's to remove.

    Args:
        folder: Where caches are kept; `None` keeps the elements in memory.
        version: What decides about the elements besides the files, with a folder: a name of the dataset, and settings
            of whatever makes it, in anything that JSON can express. Two datasets of one version and one structure, such
            as two parts of a split, would get the elements of the first.
        files: The files that the elements are made from.

    Returns:
        What `dataset.apply` takes: to a dataset of the same elements in the same order, whose number is known where it
        is on disk.

    Raises:
        ValueError: `version` or `files` without a folder, no version with one, a version that JSON cannot express, or
            an endless dataset.
        FileNotFoundError: One of the files does not exist.

    Example:
        >>> import tempfile
        >>> import tensorflow as tf
        >>> squares = tf.data.Dataset.range(4).map(lambda number: number**2)
        >>> kept = squares.apply(cached(tempfile.mkdtemp(), version={"power": 2}))
        >>> list(kept.as_numpy_iterator())
        [np.int64(0), np.int64(1), np.int64(4), np.int64(9)]
    """
    if folder is None:
        remedy = "name a folder; in memory a dataset that is made anew is also read anew"
        check(version is None, "version", version, "None without a folder", remedy)
        check(not files, "files", files, "none without a folder", remedy)
    else:
        check(
            version is not None, "version", version, "a name of the dataset", "two of one name are taken for the same"
        )
    paths = [Path(path).resolve() for path in files]
    try:
        version = json.dumps(version, sort_keys=True)
    except TypeError as error:
        raise argument_error("version", version, "what JSON can express", str(error)) from None
    load_tensorflow()
    import tensorflow as tf

    def transform(dataset: Dataset) -> Dataset:
        endless = dataset.cardinality() == tf.data.INFINITE_CARDINALITY
        check(not endless, "dataset", Verbatim("an endless one"), "one that ends", "repeat behind the cache")
        if folder is None:
            return dataset.cache()
        target = Path(folder) / f"{_fingerprint(version, dataset.element_spec, paths)}.tfrecord"
        if not target.exists():
            _write(dataset, target)
        return _read(target, dataset.element_spec)

    return transform


def _fingerprint(version: str, element_spec: Any, paths: Sequence[Path]) -> str:
    states = [(path, path.stat()) for path in paths]
    sources = [(str(path), state.st_size, state.st_mtime_ns) for path, state in states]
    return hashlib.sha256(json.dumps([version, repr(element_spec), sources]).encode()).hexdigest()[:32]


def _write(dataset: Dataset, target: Path) -> None:
    """Each tensor of each element as a record. `Dataset.save` would wait for ever where an element cannot be made."""
    import tensorflow as tf

    def serialized(*element: NestedTensors) -> Tensor:
        return tf.stack([tf.io.serialize_tensor(leaf) for leaf in tf.nest.flatten(element, expand_composites=True)])

    target.parent.mkdir(parents=True, exist_ok=True)
    rows = dataset.map(serialized, num_parallel_calls=tf.data.AUTOTUNE).batch(ROWS_AT_ONCE).prefetch(1)
    with replace_file(target) as draft, tf.io.TFRecordWriter(str(draft)) as writer:
        for batch in rows.as_numpy_iterator():
            for record in batch.flat:
                writer.write(record)
    write_index(target)


def _read(path: Path, element_spec: Any) -> Dataset:
    import tensorflow as tf

    specs = tf.nest.flatten(element_spec, expand_composites=True)

    def element(records: Tensor) -> NestedTensors:
        leaves = [
            tf.ensure_shape(tf.io.parse_tensor(record, spec.dtype), spec.shape)
            for record, spec in zip(tf.unstack(records), specs, strict=True)
        ]
        return tf.nest.pack_sequence_as(element_spec, leaves, expand_composites=True)

    rows = tf.data.TFRecordDataset(str(path)).batch(len(specs), drop_remainder=True)
    elements = rows.map(element, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return counted(elements, len(Index.of([path])) // len(specs))
