"""Optimizers that stand around others, or hold several."""

from collections.abc import Iterator
from typing import Any

import keras


def optimizers_within(optimizer: Any) -> Iterator[keras.optimizers.Optimizer]:
    """An optimizer and all it holds: the one that a wrapper stands around, and those of a `MultiOptimizer`."""
    if isinstance(optimizer, keras.optimizers.Optimizer):
        yield optimizer
        for inner in (getattr(optimizer, "inner_optimizer", None), *getattr(optimizer, "optimizers", ())):
            yield from optimizers_within(inner)
