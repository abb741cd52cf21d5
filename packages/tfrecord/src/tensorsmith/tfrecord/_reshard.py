"""Records of files written anew: into other shards, in random order, or into splits."""

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
    """Writes records into another number of shards, in their order.

    Each record is copied once, and its checksums are compared. Each shard appears when it is complete, with an index
    beside it unless it is compressed.

    Args:
        files: TFRecord files, compressed or not; their order is that of the records.
        folder: The folder to write into; it is created if it does not exist.
        name: Name of the shards, `NAME.tfrecord-00000-of-00010`; by default that of the first file.
        shards: Number of shards.
        shard_size: About how many bytes a shard has before compression, if `shards` is `None`.
        compression: Compression of the shards: "none", "gzip" or "zlib".
        resume: If `True`, continues what an interrupted call with the same arguments began.
        progress: Shows the progress.

    Returns:
        The number of records, and the paths of the shards.

    Raises:
        ValueError: A number is not positive, or the folder already has shards of this name that cannot be resumed.
        DamagedFileError: A record is damaged.

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
    """Writes records in random order, drawn over all of them together.

    Args:
        files: As for `reshard`.
        folder: As for `reshard`.
        seed: Seed of the order. Equal seeds give equal bytes.
        name: As for `reshard`.
        shards: As for `reshard`.
        shard_size: As for `reshard`.
        compression: As for `reshard`.
        resume: As for `reshard`.
        progress: As for `reshard`.

    Returns:
        As `reshard`.

    Raises:
        ValueError: As for `reshard`, or `seed` is negative.
        DamagedFileError: A record is damaged.
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
    """Writes records into splits, each record into one of them.

    Args:
        files: As for `reshard`.
        folder: As for `reshard`.
        fractions: Name to fraction of each split, such as `{"train": 0.8, "test": 0.2}`; together they are 1.
        seed: Seed of a shuffle over all records; `None` keeps their order, so that splits are contiguous.
        name: Name of the shards, `NAME-SPLIT.tfrecord-00000-of-00010`; by default that of the first file.
        shards: Number of shards in each split.
        shard_size: As for `reshard`.
        compression: As for `reshard`.
        resume: As for `reshard`.
        progress: As for `reshard`.

    Returns:
        Name to the records and shards of each split.

    Raises:
        ValueError: As for `reshard`, or `seed` is negative.
        DamagedFileError: A record is damaged.
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
