"""Replacement of the `apply_gradients` method of an optimizer, to which each step passes its gradients."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras


@contextlib.contextmanager
def standing_in(optimizer: keras.optimizers.Optimizer, function: Callable[..., Any]) -> Iterator[None]:
    """Within the context, replaces `apply_gradients` of the optimizer. On exit, the previous method is restored."""
    before = vars(optimizer).get("apply_gradients")
    optimizer.apply_gradients = function
    try:
        yield
    finally:
        if before is None:
            del optimizer.apply_gradients
        else:
            optimizer.apply_gradients = before
