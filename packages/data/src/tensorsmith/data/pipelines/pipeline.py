"""Input pipeline that reads many files into batches."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from tensorsmith.core import ArgumentError, check, did_you_mean, load_tensorflow
from tensorsmith.core.types import Dataset, Tensor
from tensorsmith.data.pipelines.arguments import check_seed, check_whole, counted
from tensorsmith.data.pipelines.draws import takes_seed, with_draws, with_seed_first
from tensorsmith.tfrecord import Index
from tensorsmith.tfrecord.shards.index import INDEX_SUFFIX

Format = Literal["tfrecord", "text", "csv"]
Compression = Literal["", "GZIP", "ZLIB"]


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    r"""Input pipeline for many files: list, interleave, shard, cache, shuffle, batch, parse, map and prefetch.

    Records are shuffled as serialized bytes, which are compact, and parsed in batches, which is fast. For local,
    uncompressed TFRecord files, `tensorsmith.tfrecord.examples` is the better choice, as it shuffles all records
    without a buffer. This class is for compressed or remote files, text files, and files that should not be indexed.

    With `shuffle`, the order of the files changes in each epoch, and blocks of records are shuffled. The order depends
    only on the seed and the index of the epoch, so an iterator restored from a checkpoint in any epoch continues with
    exactly the same elements.

    Attributes:
        files: Files or glob patterns such as `train-*`, on any file system that TensorFlow supports. They are sorted
            by name.
        batch_size: Number of records per batch.
        format: "tfrecord"; "text", where each line is a record; or "csv", where the first line of each file is also
            skipped.
        compression: Compression of the files: "", "GZIP" or "ZLIB".
        parse: Function that parses a string tensor `(batch,)` of records, such as `tf.io.parse_example`.
        map: Function applied to the output of `parse`, called like a function passed to `dataset.map`. If it has
            several parameters, the first of which is named `seed`, it is also passed a random seed, of its own for each
            batch, as by `map_with_seed`. Augmentations of `tensorsmith.image.augment` are such functions.
        cycle_length: Number of files that are read concurrently.
        block_length: Number of consecutive records to read from a file before switching to the next file.
        shuffle: Number of records in a block that is shuffled; two blocks are held in memory. 0 keeps the order of the
            files.
        seed: Seed of the shuffle, whose order differs in each iteration over the dataset. If `None`, a different seed
            is used in each process.
        epochs: Number of passes over all records; `None` repeats them indefinitely. Batches do not span epochs.
        shard: Pair `(index, count)` that selects the records of one of `count` workers. Together, the workers read
            each record once.
        shard_by: "file" to read only the files of this worker, or "record" to distribute records, if there are fewer
            files than workers or if file sizes differ widely.
        cache: If `True`, records are cached in memory during the first epoch.
        drop_remainder: If `True`, the last batch of each epoch is dropped if it has fewer than `batch_size` records.
        num_parallel_calls: Number of parallel calls for reading, parsing and mapping. If `None`, it is tuned
            dynamically.
        prefetch: Number of batches to prefetch. If `None`, it is tuned dynamically.
        deterministic: If `True`, the order is reproducible. If `False`, files and batches are not delayed by slower
            ones.
        count: Number of records of this worker in an epoch. If `None`, the records of local, uncompressed TFRecord
            files are counted, using their indexes if available; for other files, the cardinality is unknown.

    Raises:
        ValueError: If arguments are invalid; the message lists all mistakes.

    Example:
        >>> import pathlib, tempfile
        >>> import tensorflow as tf
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for number in range(3):
        ...     _ = (folder / f"{number}.csv").write_text(f"a,b\n{number},0.5\n{number},1.5\n")
        >>> def parse(lines):
        ...     return tf.stack(tf.io.decode_csv(lines, [0.0, 0.0]), axis=1)
        >>> pipeline = Pipeline(files=f"{folder}/*.csv", format="csv", batch_size=4, parse=parse, count=6)
        >>> int(pipeline.dataset().cardinality())
        2
        >>> next(pipeline.dataset().as_numpy_iterator()).tolist()
        [[0.0, 0.5], [1.0, 0.5], [2.0, 0.5], [0.0, 1.5]]
    """

    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
    batch_size: int
    format: Format = "tfrecord"
    compression: Compression = ""
    parse: Callable[[Any], Any] | None = None
    map: Callable[..., Any] | None = None
    cycle_length: int = 5
    block_length: int = 1
    shuffle: int = 0
    seed: int | None = None
    epochs: int | None = 1
    shard: tuple[int, int] = (0, 1)
    shard_by: Literal["file", "record"] = "file"
    cache: bool = False
    drop_remainder: bool = False
    num_parallel_calls: int | None = None
    prefetch: int | None = None
    deterministic: bool = True
    count: int | None = None

    def __post_init__(self) -> None:
        mistakes = list(self._mistakes())
        if mistakes:
            raise ArgumentError("\n".join(mistakes))

    def paths(self) -> list[str]:
        """Returns the paths of the files that this worker reads, sorted by name.

        Raises:
            FileNotFoundError: If a file does not exist, or if a pattern matches no file.
            ValueError: If there are fewer files than workers.
        """
        load_tensorflow()
        import tensorflow as tf

        patterns = [self.files] if isinstance(self.files, str | os.PathLike) else self.files
        found: set[str] = set()
        for pattern in [os.fspath(pattern) for pattern in patterns]:
            check(
                not tf.io.gfile.isdir(pattern),
                "files",
                pattern,
                "a file name or pattern",
                f"pass `{pattern}/*` to select the files in the folder",
            )
            fitting = [pattern] if tf.io.gfile.exists(pattern) else _fitting(tf.io.gfile.glob(pattern))
            if not fitting:
                raise FileNotFoundError(f"{pattern}: no such file, and no file that matches")
            found.update(fitting)
        if self.shard_by == "record":
            return sorted(found)
        index, count = self.shard
        remedy = 'pass `shard_by="record"`, or write more files'
        check(
            count <= len(found),
            "shard",
            self.shard,
            f"have a worker count that does not exceed the number of files ({len(found)})",
            remedy,
        )
        return sorted(found)[index::count]

    def dataset(self) -> Dataset:
        """Builds the dataset that reads the files.

        Returns:
            A `tf.data.Dataset` of batches, as returned by `parse` and `map`.

        Raises:
            FileNotFoundError: If a file does not exist, or if a pattern matches no file.
            ValueError: If there are fewer files than workers.
        """
        paths = self.paths()
        import tensorflow as tf

        calls = tf.data.AUTOTUNE if self.num_parallel_calls is None else self.num_parallel_calls
        names = tf.constant(paths)
        in_order = self._records(tf.data.Dataset.range(len(paths)), names, calls)
        in_order = in_order.cache() if self.cache else in_order
        shuffle = tf.random.experimental.stateless_shuffle
        epochs = tf.data.Dataset.range(tf.int64.max if self.epochs is None else self.epochs)

        def shuffled(epoch: Tensor, draw: Tensor) -> Dataset:
            """Returns the shuffled batches of one epoch."""
            draw += [epoch, 0]
            records = in_order
            if not self.cache:
                # The order of the files; a cache requires a fixed order instead.
                order = shuffle(tf.range(len(paths), dtype=tf.int64), draw)
                records = self._records(tf.data.Dataset.from_tensor_slices(order), names, calls)
            # Shuffle block by block, each with a seed of its own.
            blocks = records.batch(self.shuffle).enumerate(start=1)
            blocks = blocks.map(lambda number, block: shuffle(block, draw + tf.stack([0, number])))
            return blocks.prefetch(1).unbatch().batch(self.batch_size, self.drop_remainder)

        if self.shuffle:
            draws = with_draws(tf.data.Dataset.range(1), self.seed)
            batches = draws.flat_map(lambda _, draw: epochs.flat_map(lambda epoch: shuffled(epoch, draw)))
        else:
            batches = epochs.flat_map(lambda _: in_order.batch(self.batch_size, self.drop_remainder))
        parse, function = self.parse, self.map
        if parse is not None:
            batches = batches.map(parse, num_parallel_calls=calls, deterministic=self.deterministic)
        if function is not None:
            if takes_seed(function):
                batches, function = with_draws(batches, self.seed), with_seed_first(function)
            batches = batches.map(function, num_parallel_calls=calls, deterministic=self.deterministic)
        batches = batches.prefetch(tf.data.AUTOTUNE if self.prefetch is None else self.prefetch)
        return counted(batches, self._batches(paths))

    def _records(self, numbers: Dataset, names: Tensor, calls: int) -> Dataset:
        """Returns a dataset of the interleaved records of the files with the specified indices."""
        import tensorflow as tf

        index, count = self.shard

        def of_file(number: Tensor) -> Dataset:
            if self.format == "tfrecord":
                records = tf.data.TFRecordDataset(names[number], self.compression)
            else:
                records = tf.data.TextLineDataset(names[number], self.compression)
            if self.format == "csv":
                records = records.skip(1)
            if self.shard_by == "record":  # starts with a different worker in each file, to balance the records
                records = records.shard(count, (index - number) % count)
            return records

        calls = min(calls, self.cycle_length)  # AUTOTUNE is negative, so it is preserved
        return numbers.interleave(
            of_file, self.cycle_length, self.block_length, num_parallel_calls=calls, deterministic=self.deterministic
        )

    def _batches(self, paths: list[str]) -> int:
        import tensorflow as tf

        if self.epochs is None:
            return tf.data.INFINITE_CARDINALITY
        count = self.count
        if count is None and self.format == "tfrecord" and not self.compression and all(map(os.path.exists, paths)):
            count = self._count(Index.of(paths))
        if count is None:
            return tf.data.UNKNOWN_CARDINALITY
        return self.epochs * (count // self.batch_size if self.drop_remainder else -(-count // self.batch_size))

    def _count(self, index: Index) -> int:
        if self.shard_by == "file":
            return len(index)
        worker, workers = self.shard
        of_files = [int((index.file == number).sum()) for number in range(len(index.files))]
        return sum(len(range((worker - number) % workers, size, workers)) for number, size in enumerate(of_files))

    def _mistakes(self) -> Iterator[str]:
        """Yields an error message for each invalid field of the pipeline."""
        for name, least in (("batch_size", 1), ("cycle_length", 1), ("block_length", 1), ("shuffle", 0)):
            yield from _mistake(check_whole, name, getattr(self, name), least)
        for name, least in (("epochs", 1), ("num_parallel_calls", 1), ("prefetch", 0), ("count", 0)):
            if getattr(self, name) is not None:
                yield from _mistake(check_whole, name, getattr(self, name), least)
        yield from _mistake(check_seed, self.seed)
        for name, known in (("format", Format), ("compression", Compression), ("shard_by", Literal["file", "record"])):
            value, choices = getattr(self, name), get_args(known)
            expected = f"one of {', '.join(map(repr, choices))}"
            yield from _mistake(check, value in choices, name, value, expected, did_you_mean(str(value), choices))
        for name in ("parse", "map"):
            value = getattr(self, name)
            yield from _mistake(check, value is None or callable(value), name, value, "a function or None")
        is_pair = isinstance(self.shard, tuple) and len(self.shard) == 2 and all(isinstance(n, int) for n in self.shard)
        sound = is_pair and 0 <= self.shard[0] < self.shard[1]
        yield from _mistake(check, sound, "shard", self.shard, "a pair (index, count) with 0 <= index < count")
        no_files = not isinstance(self.files, str | os.PathLike) and not self.files
        yield from _mistake(check, not no_files, "files", self.files, "at least one file or pattern")


def _mistake(checks: Callable[..., None], *arguments: Any) -> Iterator[str]:
    try:
        checks(*arguments)
    except ArgumentError as error:
        yield str(error)


def _fitting(paths: Sequence[str]) -> list[str]:
    """Returns the paths that are neither hidden files nor index files of TFRecord files."""
    visible = [path for path in paths if os.path.basename(path)[:1] != "."]  # noqa: PTH119 - not only on this machine
    indexes = {path + INDEX_SUFFIX for path in visible}
    return [path for path in visible if path not in indexes]
