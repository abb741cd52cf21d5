"""Grid of the configurations of a search space."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np

from tensorsmith.tuning.space import Choice, Float, Int, Range, in_order

POINTS = 5  # number of values of a range of floats


def grid(
    space: Mapping[str, Range], used: Callable[[Mapping[str, Any]], Collection[str]] | None = None
) -> Iterator[dict[str, Any]]:
    """Yields each combination of the values of a search space once, and only its active hyperparameters.

    The values of the last hyperparameter change first.

    Args:
        space: Mapping from names to search ranges.
        used: Function that returns the names of the hyperparameters that matter with given values, or `None` for all.
    """
    seen = set()
    for chosen in _extended({}, in_order(space), space):
        active = chosen if used is None else {name: chosen[name] for name in used(chosen) if name in chosen}
        key = tuple(sorted((name, str(value)) for name, value in active.items()))
        if key not in seen:
            seen.add(key)
            yield active


def _extended(chosen: dict[str, Any], names: list[str], space: Mapping[str, Range]) -> Iterator[dict[str, Any]]:
    """Yields the combinations that extend the chosen values by those of further hyperparameters."""
    if not names:
        yield chosen
        return
    name, *rest = names
    known = space[name]
    active = all(parent in chosen and known.allows(parent, chosen[parent]) for parent in known.when)
    for value in points(known) if active else ():
        yield from _extended({**chosen, name: value}, rest, space)
    if not active:
        yield from _extended(chosen, rest, space)


def points(known: Range) -> list[Any]:
    """Returns the values of a hyperparameter in the grid: all options and integers, or 5 floats of equal distance."""
    if isinstance(known, Choice):
        return list(known.options)
    if isinstance(known, Int) and known.log:
        values, factor = [known.low], known.step or 2
        while values[-1] * factor <= known.high:
            values.append(values[-1] * factor)
        return values
    if isinstance(known, Int):
        return list(range(known.low, known.high + 1, known.step or 1))
    assert isinstance(known, Float)
    spaced = np.geomspace if known.log else np.linspace
    return [float(value) for value in spaced(known.low, known.high, POINTS)]
