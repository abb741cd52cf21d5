"""Verification of the checksums and records in a TFRecord file."""

import os
from dataclasses import dataclass
from pathlib import Path

from tensorsmith.core import Advance, unreported
from tensorsmith.records import RecordError, check_examples
from tensorsmith.tfrecord.shards.reading import read


@dataclass(frozen=True)
class Verified:
    """Result of verifying a valid file.

    Attributes:
        records: Number of records.
        size: Size of the records' data in bytes, excluding record frames.
    """

    records: int
    size: int


def verify(path: str | os.PathLike[str], examples: bool = True, report: Advance = unreported) -> Verified:
    """Verifies all checksums in a TFRecord file and parses each record as an example.

    Args:
        path: Path of the TFRecord file, which may be compressed.
        examples: If `True`, records must be valid `tf.train.Example` or `tf.train.SequenceExample` protos.
        report: Function that is called with the number of bytes read since the previous call, including record framing.

    Returns:
        A `Verified` with the number of records and the size of their data.

    Raises:
        DamagedFileError: If a record is damaged; the error describes the first damage and its position.
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
