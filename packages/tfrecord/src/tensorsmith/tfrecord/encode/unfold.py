"""Flattening of nested Arrow lists into values and the offsets of each nesting level."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def unfold(array: pa.Array, present: np.ndarray) -> tuple[list[np.ndarray], pa.Array]:
    """Returns the values and the offsets of the nested lists in a column.

    Args:
        array: Arrow column to flatten. Missing lists are treated as empty.
        present: Boolean mask of the rows that are not missing. In a column without lists, each of these rows is treated
            as a list with one element.

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
    """Returns the offsets of consecutive segments with the given lengths, including the final offset."""
    return np.concatenate([[0], np.cumsum(lengths, dtype="int64")])
