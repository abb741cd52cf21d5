"""Flattening nested Arrow lists into single values and the offsets of each level."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def unfold(array: pa.Array, present: np.ndarray) -> tuple[list[np.ndarray], pa.Array]:
    """Flattens the lists of a column.

    Args:
        array: The column. A missing list is treated as empty.
        present: Boolean mask of the rows that are not missing. A column without lists gets one level built from it.

    Returns:
        For each level, the offsets of its lists in the next level; and all single values.
    """
    levels = []
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    while pa.types.is_list(array.type) or pa.types.is_large_list(array.type) or pa.types.is_fixed_size_list(array.type):
        lengths = pc.fill_null(pc.list_value_length(array), 0)
        levels.append(offsets_of(np.asarray(lengths)))
        array = array.flatten()
    return (levels, array) if levels else ([offsets_of(present)], array.drop_null())


def offsets_of(lengths: np.ndarray) -> np.ndarray:
    """Returns the offsets of consecutive runs of these lengths, including the end of the last one."""
    return np.concatenate([[0], np.cumsum(lengths, dtype="int64")])
