"""The features, counts and sizes of TFRecord files."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tensorsmith.core import Advance, unreported
from tensorsmith.records import Feature, merge
from tensorsmith.tfrecord.shards.columns import features_of
from tensorsmith.tfrecord.shards.reading import compression_of_file, read


@dataclass(frozen=True)
class FileSummary:
    """The content of one file, in numbers.

    Attributes:
        path: The file.
        compression: "none", "gzip" or "zlib".
        records: How many records.
        size: How many bytes it takes.
        content: How many bytes of data its records have.
        features: Name to feature.
    """

    path: Path
    compression: str
    records: int
    size: int
    content: int
    features: Mapping[str, Feature]


def inspect(files: Sequence[str | os.PathLike[str]], report: Advance = unreported) -> list[FileSummary]:
    """Reads files to their end, and counts their records and features.

    Args:
        files: TFRecord files of `tf.train.Example` or `tf.train.SequenceExample`, compressed or not.
        report: Called with each number of bytes that are done, frames included.

    Raises:
        DamagedFileError: A record is damaged, or no example.
    """
    found = []
    for path in map(Path, files):
        features: dict[str, Feature] = {}
        records = content = 0
        for part in read(path):
            features = merge(features, features_of(path, part))
            records, content = records + len(part.records), content + int(part.records.sizes.sum())
            report(part.size)
        compression = compression_of_file(path)
        found.append(FileSummary(path, compression, records, path.stat().st_size, content, features))
    return found
