"""Rewriting records into other shards, in random order, or into splits."""

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
    """Writes records into a different number of shards, in the same order.

    Each record is copied once, and its checksums are verified. Shards are written atomically, with an index next to
    each uncompressed shard.

    Args:
        files: TFRecord files, compressed or not. Records keep the order of the files.
        folder: The folder to write into. It is created if it does not exist.
        name: Name of the shards, `NAME.tfrecord-00000-of-00010`. Defaults to the name of the first file.
        shards: Number of shards.
        shard_size: Approximate size of a shard in bytes before compression, used if `shards` is `None`.
        compression: Compression of the shards: "none", "gzip" or "zlib".
        resume: If `True`, resumes an interrupted call with the same arguments.
        progress: Progress display.

    Returns:
        A `Split` with the number of records and the paths of the shards.

    Raises:
        ValueError: If a number is not positive, or if the folder already has shards of this name that cannot be
            resumed.
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
    """Writes records in random order, shuffled across all files.

    Args:
        files: TFRecord files, compressed or not.
        folder: The folder to write into. It is created if it does not exist.
        seed: Seed of the shuffle. Equal seeds produce identical bytes.
        name: Name of the shards, `NAME.tfrecord-00000-of-00010`. Defaults to the name of the first file.
        shards: Number of shards.
        shard_size: Approximate size of a shard in bytes before compression, used if `shards` is `None`.
        compression: Compression of the shards: "none", "gzip" or "zlib".
        resume: If `True`, resumes an interrupted call with the same arguments.
        progress: Progress display.

    Returns:
        A `Split` with the number of records and the paths of the shards.

    Raises:
        ValueError: If a number is out of range, or if the folder already has shards of this name that cannot be
            resumed.
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

    Args:
        files: TFRecord files, compressed or not.
        folder: The folder to write into. It is created if it does not exist.
        fractions: Name of each split mapped to its fraction of the records, such as `{"train": 0.8, "test": 0.2}`.
            The fractions sum to 1.
        seed: Seed of a shuffle across all records. If `None`, records keep their order and each split is contiguous.
        name: Name of the shards, `NAME-SPLIT.tfrecord-00000-of-00010`. Defaults to the name of the first file.
        shards: Number of shards in each split.
        shard_size: Approximate size of a shard in bytes before compression, used if `shards` is `None`.
        compression: Compression of the shards: "none", "gzip" or "zlib".
        resume: If `True`, resumes an interrupted call with the same arguments.
        progress: Progress display.

    Returns:
        A dictionary that maps the name of each split to its records and shards.

    Raises:
        ValueError: If a number is out of range, or if the folder already has shards of this name that cannot be
            resumed.
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
