"""Covering arrays: subsets of the combinations of several values that contain all combinations of a few of them."""

import itertools
from collections.abc import Sequence
from typing import Any


def covering(columns: Sequence[Sequence[Any]], strength: int, count: int) -> set[int]:
    """Returns indices of the rows of a table that cover all combinations of values of `strength` columns.

    Args:
        columns: Columns of the table, whose values are hashable.
        strength: Number of columns whose combinations of values are covered, such as 2 for pairs.
        count: Number of rows.

    Example:
        >>> rows = [(a, b, c) for a in "xy" for b in "xy" for c in "xy"]
        >>> len(rows), len(covering(list(zip(*rows)), 2, len(rows)))
        (8, 4)
    """
    choices = list(itertools.combinations(range(len(columns)), min(strength, len(columns))))
    parts = [{(choice, tuple(columns[c][row] for c in choice)) for choice in choices} for row in range(count)]
    left, kept = set().union(*parts), set()
    while left:
        best = max(range(count), key=lambda row: len(parts[row] & left))
        kept.add(best)
        left -= parts[best]
    return kept
