"""Inner optimizers of other optimizers."""

from collections.abc import Iterator
from typing import Any

import keras


def optimizers_within(optimizer: Any) -> Iterator[keras.optimizers.Optimizer]:
    """Yields an optimizer and its inner optimizers, such as those of a wrapper or of a `MultiOptimizer`."""
    if isinstance(optimizer, keras.optimizers.Optimizer):
        yield optimizer
        for inner in (getattr(optimizer, "inner_optimizer", None), *getattr(optimizer, "optimizers", ())):
            yield from optimizers_within(inner)
