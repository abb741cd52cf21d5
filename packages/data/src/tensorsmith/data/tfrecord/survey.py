"""What is in TFRecord files: their features, and their records as columns."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tensorsmith.core import check
from tensorsmith.data.tfrecord.files import Part, compression_of_file, read
from tensorsmith.data.tfrecord.progress import Report, unreported
from tensorsmith.records import Column, Feature, RecordError, merge, parse, survey
from tensorsmith.records import Sequence as Steps


@dataclass(frozen=True)
class FileSurvey:
    """What one file holds.

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


def survey_files(files: Sequence[str | os.PathLike[str]], report: Report = unreported) -> list[FileSurvey]:
    """Reads files to their end, and finds out what they hold.

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
        found.append(FileSurvey(path, compression, records, path.stat().st_size, content, features))
    return found


def features_of(path: Path, part: Part) -> dict[str, Feature]:
    """The features of a part of a file.

    Raises:
        DamagedFileError: A record is no example.
    """
    try:
        return survey(part.records)
    except RecordError as error:
        raise part.damage(path, error) from None


def columns_of(path: Path, part: Part, features: Mapping[str, Feature]) -> dict[str, Column]:
    """A part of a file as columns.

    Args:
        path: The file.
        part: A part of it.
        features: Which ones, by name; those of which no value was ever met are left out.

    Raises:
        ValueError: A feature has values of several kinds.
        DamagedFileError: A record is no example, or has values of another kind.
    """
    wanted: dict[str, str | Steps] = {}
    for name, feature in features.items():
        held = " and ".join(feature.kinds)
        check(len(feature.kinds) < 2, f"feature {name}", held, "values of one kind", "write the records anew")
        if feature.kinds:
            wanted[name] = Steps(feature.kinds[0]) if feature.is_sequence else feature.kinds[0]
    try:
        return parse(part.records, wanted)
    except RecordError as error:
        raise part.damage(path, error) from None
