"""Conversion of tensors to samples for rank correlations, and pair counts of a histogram."""

import keras
from keras import ops

from tensorsmith.core import check
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.metrics._support.weighting import samples_of
from tensorsmith.ops import PairCounts


def as_samples(x: TensorLike, y: TensorLike) -> tuple[Tensor, Tensor, Tensor]:
    """Return two tensors as `float64` vectors, together with a weight of 1 for each sample.

    64-bit integers, which `float64` would round, are replaced by their ranks.

    Raises:
        ValueError: If the shapes differ.
    """
    x, y = (_by_order(ops.convert_to_tensor(value)) for value in (x, y))
    check(x.shape.is_compatible_with(y.shape), "y", tuple(y.shape), f"have shape {tuple(x.shape)} to match `x`")
    return samples_of(x, y, None)


def _by_order(values: Tensor) -> Tensor:
    """Replace 64-bit integers by their ranks, which `float64` represents exactly, and return other values unchanged."""
    if keras.backend.standardize_dtype(values.dtype) not in ("int64", "uint64"):
        return values
    flat = ops.reshape(values, (-1,))
    return ops.reshape(ops.searchsorted(ops.sort(flat), flat), ops.shape(values))


def count_of_table(table: Tensor) -> PairCounts:
    """Return the pair counts of all samples in a two-dimensional histogram, with x as rows and y as columns."""
    rows, columns, total = ops.sum(table, axis=1), ops.sum(table, axis=0), ops.sum(table)
    # The squares count ordered pairs with equal x or equal y, including each sample paired with itself.
    squares_x, squares_y = ops.sum(ops.square(rows)), ops.sum(ops.square(columns))
    # A cell is concordant with all cells of smaller row and column. Comparable pairs exclude all ties.
    below = ops.cumsum(ops.cumsum(table, axis=0), axis=1)
    concordant = ops.sum(below[:-1, :-1] * table[1:, 1:])
    comparable = (ops.square(total) - squares_x - squares_y + ops.sum(ops.square(table))) / 2
    return PairCounts(
        # C - D = 2 C - (C + D)
        balance=2 * concordant - comparable,
        untied_x=(ops.square(total) - squares_x) / 2,
        untied_y=(ops.square(total) - squares_y) / 2,
        distinct=ops.minimum(ops.sum(rows > 0), ops.sum(columns > 0)),
        total=total,
    )
