"""Validation of the two features of a sparse value: its indices and its values."""

import numpy as np

from tensorsmith.tfrecord.encode.feature import Values
from tensorsmith.tfrecord.encode.rejections import Rejections


def check_sparse(name: str, size: int, indices: Values, values: Values, rejections: Rejections) -> None:
    """Rejects rows whose indices differ in number from the values, do not increase, or are out of range."""
    places, parts = indices.leaves, indices.parts
    counts, wanted = np.diff(parts), np.diff(values.parts)
    for row in np.flatnonzero(counts != wanted).tolist():
        rejections.add(
            row, name, f"expected as many indices as values, got {counts[row]} indices and {wanted[row]} values"
        )
    wrong = (places < 0) | (places >= size)
    begins = np.zeros(len(places) + 1, "bool")
    begins[parts] = True
    wrong[1:] |= (np.diff(places) <= 0) & ~begins[1:-1]
    for leaf in np.flatnonzero(wrong).tolist():
        row = int(np.searchsorted(parts, leaf, "right")) - 1
        rejections.add(row, name, f"expected increasing indices from 0 to {size - 1}, got {places[leaf]}")
