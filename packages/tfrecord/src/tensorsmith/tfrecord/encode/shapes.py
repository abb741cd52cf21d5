"""The shapes of values, from nested lists or flat ones, compared with the shape of a feature."""

import numpy as np

from tensorsmith.core.types import Shape


def sizes_of(shape: Shape, levels: list[np.ndarray], parts: np.ndarray) -> np.ndarray:
    """Returns the sizes of each part's value, int64 `(parts, axes)`; -1 where a part has no such size.

    Args:
        shape: Of the feature, with `None` for sizes that vary.
        levels: The offsets of nested lists. Where they are not as many as axes, values are flat lists.
        parts: Where the single values of each part begin.
    """
    count = len(parts) - 1
    if len(levels) == len(shape):
        sizes, inside = np.zeros((count, len(shape)), "int64"), np.arange(count + 1)
        for axis, splits in enumerate(levels):
            lengths = np.diff(splits)
            first = np.full(count, shape[axis] or 0)  # an empty list fits whatever its elements would be
            filled = np.diff(inside) > 0
            first[filled] = lengths[inside[:-1][filled]]
            even = np.repeat(first, np.diff(inside)) == lengths[inside[0] : inside[-1]]
            owners = np.repeat(np.arange(count), np.diff(inside))
            sizes[:, axis] = first
            sizes[owners[~even], axis] = -1
            inside = splits[inside]
        return sizes
    sizes = np.tile(np.array([-1 if size is None else size for size in shape], "int64"), (count, 1))
    if shape.count(None) == 1:
        known = int(np.prod([size for size in shape if size is not None]))
        sizes[:, shape.index(None)] = np.diff(parts) // max(known, 1)
    return sizes


def wrong_shapes(shape: Shape, sizes: np.ndarray, counts: np.ndarray, present: np.ndarray | None) -> np.ndarray:
    """Finds the parts whose values do not have the shape of a feature.

    Args:
        shape: Of the feature.
        sizes: Those that `sizes_of` returned.
        counts: How many single values each part has.
        present: Which parts to look at; `None` for all.

    Returns:
        Boolean `(parts,)`.
    """
    wrong = (sizes < 0).any(axis=1) | (np.prod(sizes, axis=1, initial=1) != counts)
    for axis, size in enumerate(shape):
        if size is not None:
            wrong |= sizes[:, axis] != size
    return wrong if present is None else wrong & present
