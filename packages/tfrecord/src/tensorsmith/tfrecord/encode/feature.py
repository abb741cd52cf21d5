"""Extraction of feature values from a column of a batch."""

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
    """Values of a feature in a batch of rows.

    Attributes:
        leaves: All single values: a NumPy array of numbers, or an Arrow array of strings or bytes.
        steps: Offsets of the rows in the list of steps, for sequences only.
        parts: Offsets of the rows, or of the steps of a sequence, in `leaves`.
        sizes: Shape of the value of each row or step; empty for encoded values.
        present: Boolean mask of the rows that have the feature, `None` if all have it.
    """

    leaves: np.ndarray | pa.Array
    steps: np.ndarray | None
    parts: np.ndarray
    sizes: np.ndarray
    present: np.ndarray | None


def take_apart(name: str, feature: Feature, array: pa.Array, rejections: Rejections, verified: bool = False) -> Values:
    """Extracts the individual values from a column, after checking dtypes, shapes and missing values.

    Args:
        name: Name of the feature.
        feature: Feature in the schema that describes the column.
        array: Arrow column that contains the feature values of all rows.
        rejections: Collection to which rows that do not conform to the feature are added.
        verified: If `True`, the source has verified that image files are not damaged.

    Returns:
        The `Values` of the column.
    """
    present = np.asarray(pc.is_valid(array))
    if not feature.optional:
        for row in np.flatnonzero(~present).tolist():
            rejections.add(row, name, "missing, but the feature is not optional")
    # Compose the offsets of all levels, to map a single value to its row.
    levels, leaves = unfold(array, present)
    whole = levels[0]
    for splits in levels[1:]:
        whole = splits[whole]

    def reject(leaf: int, problem: str) -> None:
        rejections.add(int(np.searchsorted(whole, leaf, "right")) - 1, name, problem)

    for leaf in np.flatnonzero(np.asarray(pc.is_null(leaves))).tolist():
        reject(leaf, "it contains a missing value")
    is_file = bool(feature.encoding) and is_text(leaves.type)
    if feature.dtype == "uint16" and feature.encoding in IMAGES and feature.shape[-1] != 1 and not is_file:
        for row in np.flatnonzero(present).tolist():
            rejections.add(
                row, name, "expected a PNG file, got an array; Pillow writes 16 bits for a single channel only"
            )
    leaves = cast_values(leaves, feature, "bytes" if is_file else feature.dtype, reject)
    if is_file:
        check_files(leaves, feature, reject, verified)
    steps = None
    if feature.sequence:
        steps, levels = levels[0], levels[1:] or [np.arange(len(leaves) + 1)]
    # Offsets of the values of each row or step in the single values.
    parts = levels[0]
    for splits in levels[1:]:
        parts = splits[parts]
    # A file is a single value, whatever the shape of its content.
    wanted = () if is_file else feature.shape
    sizes = sizes_of(wanted, levels, parts)
    wrong = wrong_shapes(wanted, sizes, np.diff(parts), present if steps is None else None)
    for part in np.flatnonzero(wrong).tolist():
        row = part if steps is None else int(np.searchsorted(steps, part, "right")) - 1
        known = len(wanted) > 0 and (sizes[part] >= 0).all()
        received = f"shape {shape_text(sizes[part].tolist())}" if known else f"{parts[part + 1] - parts[part]} values"
        rejections.add(row, name, f"expected shape {shape_text(wanted)}, got {received}")
    return Values(leaves, steps, parts, sizes, None if present.all() else present)
