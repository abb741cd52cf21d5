"""Shapes of nested or flat lists, and their validation against the shape of a feature."""

import numpy as np

from tensorsmith.core.types import Shape


def sizes_of(shape: Shape, levels: list[np.ndarray], parts: np.ndarray) -> np.ndarray:
    """Returns the shapes of lists as an array of shape `(lists, axes)`, in which inconsistent sizes are -1.

    Args:
        shape: Shape of the feature, with `None` for variable dimensions.
        levels: List of offset arrays, one for each nesting level. If the number of levels differs from the number of
            axes, the lists are treated as flat.
        parts: Array with the offsets of the lists in the array of individual values, including the end of the last
            list.
    """
    count = len(parts) - 1
    if len(levels) == len(shape):
        sizes, inside = np.zeros((count, len(shape)), "int64"), np.arange(count + 1)
        for axis, splits in enumerate(levels):
            lengths = np.diff(splits)
            first = np.full(count, shape[axis] or 0)  # an empty list is compatible with any size of its elements
            filled = np.diff(inside) > 0
            first[filled] = lengths[inside[:-1][filled]]
            # All lists of a part must have the length of its first list at this level.
            even = np.repeat(first, np.diff(inside)) == lengths[inside[0] : inside[-1]]
            owners = np.repeat(np.arange(count), np.diff(inside))
            sizes[:, axis] = first
            sizes[owners[~even], axis] = -1
            inside = splits[inside]
        return sizes
    sizes = np.tile(np.array([-1 if size is None else size for size in shape], "int64"), (count, 1))
    # In flat lists, a single variable dimension follows from the number of values.
    if shape.count(None) == 1:
        known = int(np.prod([size for size in shape if size is not None]))
        sizes[:, shape.index(None)] = np.diff(parts) // max(known, 1)
    return sizes


def wrong_shapes(shape: Shape, sizes: np.ndarray, counts: np.ndarray, present: np.ndarray | None) -> np.ndarray:
    """Returns a boolean mask of the lists whose shapes are incompatible with the shape of a feature.

    Args:
        shape: Shape specified by the feature.
        sizes: Shape of each list, as returned by `sizes_of`.
        counts: Array with the number of individual values in each list.
        present: Boolean mask of the lists to validate. If `None`, all lists are validated.

    Returns:
        A boolean mask `(parts,)` of the parts with a wrong shape.
    """
    wrong = (sizes < 0).any(axis=1) | (np.prod(sizes, axis=1, initial=1) != counts)
    for axis, size in enumerate(shape):
        if size is not None:
            wrong |= sizes[:, axis] != size
    return wrong if present is None else wrong & present
