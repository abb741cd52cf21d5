"""Checking every byte of a TFRecord file."""

import os
from dataclasses import dataclass
from pathlib import Path

from tensorsmith.core import Advance, unreported
from tensorsmith.records import RecordError, check_examples
from tensorsmith.tfrecord.shards.reading import read


@dataclass(frozen=True)
class Verified:
    """What a sound file has.

    Attributes:
        records: How many records.
        size: How many bytes of data, without frames.
    """

    records: int
    size: int


def verify(path: str | os.PathLike[str], examples: bool = True, report: Advance = unreported) -> Verified:
    """Compares all checksums of a file, and reads every record as the example it should be.

    Args:
        path: The file, compressed or not.
        examples: Whether records have to be `tf.train.Example` or `tf.train.SequenceExample`.
        report: Called with each number of bytes that are done, frames included.

    Raises:
        DamagedFileError: What is wrong with the first record that is not sound, and where it is.
    """
    records = size = 0
    for part in read(path):
        if examples:
            try:
                check_examples(part.records)
            except RecordError as error:
                raise part.damage(Path(path), error) from None
        records += len(part.records)
        size += int(part.records.sizes.sum())
        report(part.size)
    return Verified(records, size)
