"""One column of a batch, taken apart into the single values of its feature."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorsmith.tfrecord.encode.cast import cast_values, is_text
from tensorsmith.tfrecord.encode.media import check_files
from tensorsmith.tfrecord.encode.rejections import Rejections, shape_text
from tensorsmith.tfrecord.encode.shapes import sizes_of, wrong_shapes
from tensorsmith.tfrecord.encode.unfold import unfold
from tensorsmith.tfrecord.schema import IMAGES, Feature


@dataclass(frozen=True)
class Values:
    """The values of a feature.

    Attributes:
        leaves: All single values: a NumPy array of numbers, or an Arrow array of strings or bytes.
        steps: Of sequences, where the steps of each row begin.
        parts: Where the values of each row, or step, begin.
        sizes: The sizes of each row's, or step's, value; none of what is stored encoded.
        present: Which rows have the feature, unless all have.
    """

    leaves: np.ndarray | pa.Array
    steps: np.ndarray | None
    parts: np.ndarray
    sizes: np.ndarray
    present: np.ndarray | None


def take_apart(name: str, feature: Feature, array: pa.Array, rejections: Rejections) -> Values:
    """Takes a column apart into single values, and check dtypes, shapes and what is missing.

    Args:
        name: Of the feature.
        feature: What the column should hold.
        array: The column.
        rejections: Where rows that do not fit are added.
    """
    present = np.asarray(pc.is_valid(array))
    if not feature.optional:
        for row in np.flatnonzero(~present).tolist():
            rejections.add(row, name, "it is missing, and the feature is not optional")
    levels, leaves = unfold(array, present)
    whole = levels[0]
    for splits in levels[1:]:
        whole = splits[whole]

    def reject(leaf: int, problem: str) -> None:
        rejections.add(int(np.searchsorted(whole, leaf, "right")) - 1, name, problem)

    for leaf in np.flatnonzero(np.asarray(pc.is_null(leaves))).tolist():
        reject(leaf, "a value in it is missing")
    is_file = bool(feature.encoding) and is_text(leaves.type)
    if feature.dtype == "uint16" and feature.encoding in IMAGES and feature.shape[-1] != 1 and not is_file:
        for row in np.flatnonzero(present).tolist():
            rejections.add(
                row, name, "received numbers, expected a PNG file, as Pillow writes one channel of 16 bits only"
            )
    leaves = cast_values(leaves, feature, "bytes" if is_file else feature.dtype, reject)
    if is_file:
        check_files(leaves, feature, reject)
    steps = None
    if feature.sequence:
        steps, levels = levels[0], levels[1:] or [np.arange(len(leaves) + 1)]
    parts = levels[0]
    for splits in levels[1:]:
        parts = splits[parts]
    wanted = () if is_file else feature.shape
    sizes = sizes_of(wanted, levels, parts)
    wrong = wrong_shapes(wanted, sizes, np.diff(parts), present if steps is None else None)
    for part in np.flatnonzero(wrong).tolist():
        row = part if steps is None else int(np.searchsorted(steps, part, "right")) - 1
        known = len(wanted) > 0 and (sizes[part] >= 0).all()
        received = f"shape {shape_text(sizes[part].tolist())}" if known else f"{parts[part + 1] - parts[part]} values"
        rejections.add(row, name, f"received {received}, expected shape {shape_text(wanted)}")
    return Values(leaves, steps, parts, sizes, None if present.all() else present)
