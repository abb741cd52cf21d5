"""Functions that distribute records over new shards, shuffle records, and partition records into splits."""

import os
from collections.abc import Mapping, Sequence

from tensorsmith.core import SILENT, Progress
from tensorsmith.tfrecord.shards.reorder import Split, reorder


def reshard(
    files: Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    *,
    name: str = "",
    shards: int | None = None,
    shard_size: int = 256_000_000,
    compression: str = "none",
    resume: bool = False,
    progress: Progress = SILENT,
) -> Split:
    """Rewrites records into a different number of shards, without changing their order.

    Each record is copied once, and its checksums are verified. Shards are written atomically, with an index next to
    each uncompressed shard. If all files are in one folder, its `schema.yaml` is copied.

    Args:
        files: Paths of the TFRecord files, which may be compressed. The order of the records is preserved.
        folder: Output folder. It is created if it does not exist.
        name: Prefix of the shard names, `NAME.tfrecord-00000-of-00010`. Defaults to the name of the files,
            if all of them have the same, and is required otherwise.
        shards: Number of shards to write.
        shard_size: Approximate size of a shard in bytes before compression, used if `shards` is `None`.
        compression: Compression of the shards: "none", "gzip" or "zlib".
        resume: If `True`, resume an interrupted call with the same arguments. Complete shards are left unchanged.
        progress: Progress display to use.

    Returns:
        A `Split` with the number of records and the paths of the shards.

    Raises:
        ValueError: If a number is not positive, or if the folder already has shards of this name that cannot be
            resumed.
        BlockingIOError: If another process is writing to the folder.
        DamagedFileError: If a record is damaged.

    Example:
        >>> import tempfile
        >>> from tensorsmith.records import Column, write
        >>> folder = tempfile.mkdtemp()
        >>> with open(f"{folder}/numbers.tfrecord", "wb") as file:
        ...     _ = write(file, {"x": Column.of([1.0, 2.0, 3.0])})
        >>> written = reshard([f"{folder}/numbers.tfrecord"], f"{folder}/resharded", shards=2)
        >>> written.records, [path.name for path in written.paths]
        (3, ['numbers.tfrecord-00000-of-00002', 'numbers.tfrecord-00001-of-00002'])
    """
    return reorder(
        files,
        folder,
        name=name,
        shards=shards,
        shard_size=shard_size,
        compression=compression,
        resume=resume,
        progress=progress,
    )[""]


def shuffle(
    files: Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    *,
    seed: int = 0,
    name: str = "",
    shards: int | None = None,
    shard_size: int = 256_000_000,
    compression: str = "none",
    resume: bool = False,
    progress: Progress = SILENT,
) -> Split:
    """Rewrites records in random order, shuffled across all files.

    If all files are in one folder, its `schema.yaml` is copied.

    Args:
        files: Paths of the TFRecord files, which may be compressed.
        folder: Output folder. It is created if it does not exist.
        seed: Random seed for shuffling. The same seed produces identical files.
        name: Prefix of the shard names, `NAME.tfrecord-00000-of-00010`. Defaults to the name of the files,
            if all of them have the same, and is required otherwise.
        shards: Number of shards to write.
        shard_size: Approximate size of a shard in bytes before compression, used if `shards` is `None`.
        compression: Compression of the shards: "none", "gzip" or "zlib".
        resume: If `True`, resume an interrupted call with the same arguments. Complete shards are left unchanged.
        progress: Progress display to use.

    Returns:
        A `Split` with the number of records and the paths of the shards.

    Raises:
        ValueError: If a number is out of range, or if the folder already has shards of this name that cannot be
            resumed.
        BlockingIOError: If another process is writing to the folder.
        DamagedFileError: If a record is damaged.
    """
    return reorder(
        files,
        folder,
        name=name,
        seed=seed,
        shards=shards,
        shard_size=shard_size,
        compression=compression,
        resume=resume,
        progress=progress,
    )[""]


def split(
    files: Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    fractions: Mapping[str, float],
    *,
    seed: int | None = None,
    name: str = "",
    shards: int | None = None,
    shard_size: int = 256_000_000,
    compression: str = "none",
    resume: bool = False,
    progress: Progress = SILENT,
) -> dict[str, Split]:
    """Partitions records into splits and writes the shards of each split.

    If all files are in one folder, its `schema.yaml` is copied.

    Args:
        files: Paths of the TFRecord files, which may be compressed.
        folder: Output folder. It is created if it does not exist.
        fractions: Mapping from split names to fractions of the records, such as `{"train": 0.8, "test": 0.2}`. The
            fractions must sum to 1.
        seed: Random seed for shuffling all records. If `None`, the order is preserved and each split is contiguous.
        name: Prefix of the shard names, `NAME-SPLIT.tfrecord-00000-of-00010`. Defaults to the name of the
            files, if all of them have the same, and is required otherwise.
        shards: Number of shards in each split.
        shard_size: Approximate size of a shard in bytes before compression, used if `shards` is `None`.
        compression: Compression of the shards: "none", "gzip" or "zlib".
        resume: If `True`, resume an interrupted call with the same arguments. Complete shards are left unchanged.
        progress: Progress display to use.

    Returns:
        A dictionary that maps the name of each split to its records and shards.

    Raises:
        ValueError: If a number is out of range, or if the folder already has shards of this name that cannot be
            resumed.
        BlockingIOError: If another process is writing to the folder.
        DamagedFileError: If a record is damaged.
    """
    return reorder(
        files,
        folder,
        name=name,
        seed=seed,
        split=fractions,
        shards=shards,
        shard_size=shard_size,
        compression=compression,
        resume=resume,
        progress=progress,
    )
