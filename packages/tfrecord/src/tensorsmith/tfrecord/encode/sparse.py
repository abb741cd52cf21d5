"""Validation of the two features that represent a sparse tensor: indices and values."""

import numpy as np

from tensorsmith.tfrecord.encode.feature import Values
from tensorsmith.tfrecord.encode.rejections import Rejections


def check_sparse(name: str, size: int, indices: Values, values: Values, rejections: Rejections) -> None:
    """Rejects rows whose indices are out of range, are not increasing, or do not match the number of values."""
    positions, parts = indices.leaves, indices.parts
    counts, wanted = np.diff(parts), np.diff(values.parts)
    for row in np.flatnonzero(counts != wanted).tolist():
        rejections.add(
            row, name, f"expected as many indices as values, got {counts[row]} indices and {wanted[row]} values"
        )
    wrong = (positions < 0) | (positions >= size)
    begins = np.zeros(len(positions) + 1, "bool")
    begins[parts] = True
    wrong[1:] |= (np.diff(positions) <= 0) & ~begins[1:-1]
    for leaf in np.flatnonzero(wrong).tolist():
        row = int(np.searchsorted(parts, leaf, "right")) - 1
        rejections.add(row, name, f"expected increasing indices from 0 to {size - 1}, got {positions[leaf]}")
