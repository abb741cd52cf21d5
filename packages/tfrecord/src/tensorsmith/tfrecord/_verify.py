"""Verification of the checksums and records in a TFRecord file."""

import itertools
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tensorsmith.core import Advance, unreported
from tensorsmith.records import RecordError, check_examples
from tensorsmith.tfrecord._support.image_damage import find_damage
from tensorsmith.tfrecord.schema.stored import image_features
from tensorsmith.tfrecord.shards.columns import columns_of, features_of
from tensorsmith.tfrecord.shards.reading import Part, read


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

    If the `schema.yaml` next to the file declares features as PNG or JPEG files, the checksums in the PNG files and the
    end markers of the JPEG files are verified as well.

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
    images = image_features(path) if examples else ()
    for part in read(path):
        if examples:
            try:
                check_examples(part.records)
            except RecordError as error:
                raise part.damage(Path(path), error) from None
            _check_images(Path(path), part, images)
        records += len(part.records)
        size += int(part.records.sizes.sum())
        report(part.size)
    return Verified(records, size)


def _check_images(path: Path, part: Part, names: Collection[str]) -> None:
    """Raises an error if an image in a group of records is damaged."""
    if not names:
        return
    features = {name: one for name, one in features_of(path, part).items() if name in names and one.kinds == ("bytes",)}
    for name, column in columns_of(path, part, features).items():
        rows = column.rows if column.steps is None else column.steps[column.rows]
        bounds = np.asarray(column.bounds).tolist()  # a column of bytes has bounds
        for number, (begin, end) in enumerate(itertools.pairwise(bounds)):
            if damage := find_damage(column.values[begin:end].tobytes(), pixels=False):
                row = int(np.searchsorted(rows, number, "right")) - 1
                raise part.damage(path, RecordError(row, f"the image in {name} is corrupted: {damage}"))
