"""From many files to batches, with every knob in one place."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from tensorsmith.core import ArgumentError, check, did_you_mean, load_tensorflow
from tensorsmith.core.types import Dataset, Tensor
from tensorsmith.data.pipelines.arguments import check_seed, check_whole, counted
from tensorsmith.data.pipelines.draws import with_draws
from tensorsmith.tfrecord import Index
from tensorsmith.tfrecord.shards.index import INDEX_SUFFIX

Format = Literal["tfrecord", "text", "csv"]
Compression = Literal["", "GZIP", "ZLIB"]


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    r"""Reads many files side by side: files, interleave, shard, cache, shuffle, batch, parse, map, prefetch.

    Records are shuffled as the bytes that they are on disk, which are small, and parsed a batch at a time, which is
    fast. For local TFRecord files without compression `tensorsmith.tfrecord.examples` is better: it shuffles all
    records together without a buffer. This is for files that are compressed, far away, of lines of text, or not to be
    indexed.

    A shuffle takes the files in another order each epoch, and then shuffles blocks of records. The order of an epoch
    follows from the seed and the epoch's number alone, so that a checkpoint of an iterator, in whatever epoch, brings
    back exactly what would have come.

    Attributes:
        files: Files, or patterns such as `train-*`, on any file system that TensorFlow reads. They are sorted by name.
        batch_size: Records in a batch.
        format: "tfrecord"; "text", of which each line is a record; or "csv", of which the first line of each file is
            left out.
        compression: Of the files, "", "GZIP" or "ZLIB".
        parse: From a string tensor `(batch,)` of records to what they hold, such as `tf.io.parse_example` does.
        map: Called with what `parse` gives, as `dataset.map` does.
        cycle_length: How many files are read side by side.
        block_length: Records taken from one of them before the next one's turn.
        shuffle: Records in a block that is shuffled, two of which are in memory; 0 keeps the files' order.
        seed: Of the orders, which differ each time the dataset is gone through; `None` takes others in each process.
        epochs: How often all records come; `None` for ever. An epoch ends with a batch of its own.
        shard: `(index, count)`: the records of one of `count` workers. All workers together have each record once.
        shard_by: "file", which reads only a worker's files, or "record", where there are fewer files than workers or
            they differ much in size.
        cache: Whether records are kept in memory from the first epoch on.
        drop_remainder: Whether a last batch that is smaller is left out of each epoch.
        num_parallel_calls: Of reading, parsing and mapping; `None` lets TensorFlow find it while it runs.
        prefetch: Batches made before they are asked for; `None` lets TensorFlow find how many.
        deterministic: Whether the order is the same in each run. Otherwise no file or batch waits for a slower one.
        count: How many records this worker has in an epoch. `None` counts those of local TFRecord files without
            compression, by their indexes where they have some; of others the number of batches is then not known.

    Raises:
        ValueError: With all mistakes in the message.

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
        """The files that this worker reads, sorted by name.

        Raises:
            FileNotFoundError: There is no such file, or none that fits a pattern.
            ValueError: There are fewer files than workers.
        """
        load_tensorflow()
        import tensorflow as tf

        patterns = [self.files] if isinstance(self.files, str | os.PathLike) else self.files
        found: set[str] = set()
        for pattern in [os.fspath(pattern) for pattern in patterns]:
            check(not tf.io.gfile.isdir(pattern), "files", pattern, "files or patterns", f"say {pattern}/*")
            fitting = [pattern] if tf.io.gfile.exists(pattern) else _fitting(tf.io.gfile.glob(pattern))
            if not fitting:
                raise FileNotFoundError(f"{pattern}: there is no such file, nor one that fits")
            found.update(fitting)
        if self.shard_by == "record":
            return sorted(found)
        index, count = self.shard
        remedy = 'say shard_by="record", or write more files'
        check(count <= len(found), "shard", self.shard, f"at most as many workers as files, {len(found)}", remedy)
        return sorted(found)[index::count]

    def dataset(self) -> Dataset:
        """Finds the files and makes the dataset.

        Returns:
            A `tf.data.Dataset` of batches, as `parse` and `map` make them.

        Raises:
            FileNotFoundError: There is no such file, or none that fits a pattern.
            ValueError: There are fewer files than workers.
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
            """The batches of an epoch."""
            draw += [epoch, 0]
            records = in_order
            if not self.cache:
                order = shuffle(tf.range(len(paths), dtype=tf.int64), draw)
                records = self._records(tf.data.Dataset.from_tensor_slices(order), names, calls)
            blocks = records.batch(self.shuffle).enumerate(start=1)
            blocks = blocks.map(lambda number, block: shuffle(block, draw + tf.stack([0, number])))
            return blocks.prefetch(1).unbatch().batch(self.batch_size, self.drop_remainder)

        if self.shuffle:
            draws = with_draws(tf.data.Dataset.range(1), self.seed)
            batches = draws.flat_map(lambda _, draw: epochs.flat_map(lambda epoch: shuffled(epoch, draw)))
        else:
            batches = epochs.flat_map(lambda _: in_order.batch(self.batch_size, self.drop_remainder))
        for function in (self.parse, self.map):
            if function is not None:
                batches = batches.map(function, num_parallel_calls=calls, deterministic=self.deterministic)
        batches = batches.prefetch(tf.data.AUTOTUNE if self.prefetch is None else self.prefetch)
        return counted(batches, self._batches(paths))

    def _records(self, numbers: Dataset, names: Tensor, calls: int) -> Dataset:
        """The records of files with the given numbers, side by side."""
        import tensorflow as tf

        index, count = self.shard

        def of_file(number: Tensor) -> Dataset:
            if self.format == "tfrecord":
                records = tf.data.TFRecordDataset(names[number], self.compression)
            else:
                records = tf.data.TextLineDataset(names[number], self.compression)
            if self.format == "csv":
                records = records.skip(1)
            if self.shard_by == "record":  # begins with another worker in each file, so that none gets more
                records = records.shard(count, (index - number) % count)
            return records

        calls = min(calls, self.cycle_length)  # AUTOTUNE is below
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
        """What is wrong with the fields, a message for each."""
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
        yield from _mistake(check, sound, "shard", self.shard, "(index, count), the index from 0 to below the count")
        no_files = not isinstance(self.files, str | os.PathLike) and not self.files
        yield from _mistake(check, not no_files, "files", self.files, "at least one file or pattern")


def _mistake(checks: Callable[..., None], *arguments: Any) -> Iterator[str]:
    try:
        checks(*arguments)
    except ArgumentError as error:
        yield str(error)


def _fitting(paths: Sequence[str]) -> list[str]:
    """Of what a pattern finds: no hidden files, and no indexes of files that it finds too."""
    visible = [path for path in paths if os.path.basename(path)[:1] != "."]  # noqa: PTH119 - not only on this machine
    indexes = {path + INDEX_SUFFIX for path in visible}
    return [path for path in visible if path not in indexes]
