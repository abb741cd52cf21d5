"""Another function in the place of an optimizer's `apply_gradients`, which every step hands its gradients to."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras


@contextlib.contextmanager
def standing_in(optimizer: keras.optimizers.Optimizer, function: Callable[..., Any]) -> Iterator[None]:
    """Within it, the function is called instead; afterwards, whatever was there before."""
    before = vars(optimizer).get("apply_gradients")
    optimizer.apply_gradients = function
    try:
        yield
    finally:
        if before is None:
            del optimizer.apply_gradients
        else:
            optimizer.apply_gradients = before
