"""Splitting of a sequence into contiguous parts."""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Protocol, TypeVar

from tensorsmith.core import Verbatim, check, is_integer, is_number


class Sliceable(Protocol):
    """Sequence whose slices have the same type, such as an array, a list or a string."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: slice, /) -> Any: ...


Steps = TypeVar("Steps", bound=Sliceable)


def split_sequence(sequence: Steps, fractions: Sequence[float] = (0.9, 0.05, 0.05), gap: int = 0) -> tuple[Steps, ...]:
    """Splits a sequence, such as a time series or a text, into contiguous parts, in their order.

    A random split of a sequence would put neighboring windows, which are almost equal, into different parts. Values on
    both sides of the boundary between two parts are correlated as well, unless there is a gap between them.

    Args:
        sequence: Array, list, string or tensor, which is split along its first axis.
        fractions: Fraction of each part, for example of the training, validation and test data. They must sum to 1.
        gap: Number of elements that are left out between two parts. The fractions refer to the remaining elements.

    Returns:
        A tuple of slices of the sequence, one for each fraction. Slices of arrays are views.

    Raises:
        ValueError: If fractions are not positive or do not sum to 1, if `gap` is not an integer `>= 0`, or if the
            sequence is too short for a non-empty part of each fraction.

    Example:
        >>> split_sequence("abcdefghijklmn", fractions=(0.5, 0.25, 0.25), gap=3)
        ('abcd', 'hi', 'mn')
    """
    valid = len(fractions) > 0 and all(is_number(fraction) and fraction > 0 for fraction in fractions)
    valid = valid and math.isclose(sum(fractions), 1)
    check(valid, "fractions", fractions, "a sequence of positive numbers that sum to 1")
    check(is_integer(gap) and gap >= 0, "gap", gap, "an integer >= 0")
    count = max(len(sequence) - gap * (len(fractions) - 1), 0)
    ends = [round(end * count) for end in accumulate(fractions)]
    begins = [0, *ends[:-1]]
    filled = all(begin < end for begin, end in zip(begins, ends, strict=True))
    expected = f"long enough for {len(fractions)} non-empty parts with gaps of {gap}"
    check(filled, "sequence", Verbatim(f"{len(sequence)} elements"), expected)
    return tuple(
        sequence[begin + part * gap : end + part * gap]
        for part, (begin, end) in enumerate(zip(begins, ends, strict=True))
    )
