"""Caching of elements in memory or on disk. The cache is invalidated if the source files change."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorsmith.core import Verbatim, argument_error, check, load_tensorflow, replace_file
from tensorsmith.core.types import Dataset, NestedTensors, Tensor
from tensorsmith.data.pipelines.arguments import Transformation, counted
from tensorsmith.tfrecord import Index
from tensorsmith.tfrecord.shards.index import replace_index

ROWS_AT_ONCE = 64


def cached(
    folder: str | os.PathLike[str] | None = None, *, version: Any = None, files: Sequence[str | os.PathLike[str]] = ()
) -> Transformation:
    """Caches elements in memory, or on disk until one of the source files or the version changes.

    Place the cache after expensive and before random transformations: random values drawn before the cache are the
    same in each epoch.

    In memory, elements are stored during the first iteration, which must be complete, until the dataset is deleted.
    On disk, they are written when this transformation is applied, to a TFRecord file whose name is a hash of the
    version, the structure of the elements, and the paths, sizes and modification times of `files`. If one of these
    changes, the elements are computed again. The file is written atomically, so other processes see either the
    complete file or none. Old caches are never deleted.

    Args:
        folder: Folder for the cache files. If `None`, the elements are cached in memory.
        version: Identifier of everything besides `files` that determines the elements, such as the name of the dataset
            and the settings of its transformations. It must be JSON-serializable, and is required if `folder` is given.
            Datasets with the same version and structure share a cache, so different splits need different versions.
        files: Paths of the files from which the elements are computed.

    Returns:
        A transformation for `dataset.apply`. It preserves the elements and their order. On disk, the cardinality of
        the result is known.

    Raises:
        ValueError: If `version` or `files` is given without `folder`, if `folder` is given without `version`, if
            `version` is not supported by JSON, or if the dataset is infinite.
        FileNotFoundError: If one of `files` does not exist.

    Example:
        >>> import tempfile
        >>> import tensorflow as tf
        >>> squares = tf.data.Dataset.range(4).map(lambda number: number**2)
        >>> kept = squares.apply(cached(tempfile.mkdtemp(), version={"power": 2}))
        >>> list(kept.as_numpy_iterator())
        [np.int64(0), np.int64(1), np.int64(4), np.int64(9)]
    """
    if folder is None:
        remedy = "pass `folder`, because an in-memory cache does not outlive its dataset"
        check(version is None, "version", version, "None if `folder` is not set", remedy)
        check(not files, "files", files, "empty if `folder` is not set", remedy)
    else:
        check(
            version is not None,
            "version",
            version,
            "a JSON-serializable value other than None if `folder` is set",
            "pass a different `version` for each dataset",
        )
    paths = [Path(path).resolve() for path in files]
    try:
        version = json.dumps(version, sort_keys=True)
    except TypeError as error:
        raise argument_error("version", version, "JSON-serializable", str(error)) from None
    load_tensorflow()
    import tensorflow as tf

    def transform(dataset: Dataset) -> Dataset:
        endless = dataset.cardinality() == tf.data.INFINITE_CARDINALITY
        check(not endless, "dataset", Verbatim("an infinite dataset"), "finite", "apply `repeat` to the cached dataset")
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
    """Writes dataset elements as TFRecords, because `Dataset.save` hangs if an element raises an error."""
    import tensorflow as tf

    def serialized(*element: NestedTensors) -> Tensor:
        return tf.stack([tf.io.serialize_tensor(leaf) for leaf in tf.nest.flatten(element, expand_composites=True)])

    target.parent.mkdir(parents=True, exist_ok=True)
    rows = dataset.map(serialized, num_parallel_calls=tf.data.AUTOTUNE).batch(ROWS_AT_ONCE).prefetch(1)
    with replace_file(target) as draft, tf.io.TFRecordWriter(str(draft)) as writer:
        for batch in rows.as_numpy_iterator():
            for record in batch.flat:
                writer.write(record)
    replace_index(target)  # without a lock, because other processes write the same content to the same path


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
