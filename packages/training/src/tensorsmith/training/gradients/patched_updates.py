"""Replacement of the `apply_gradients` method of an optimizer."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras


@contextlib.contextmanager
def patched_updates(optimizer: keras.optimizers.Optimizer, function: Callable[..., Any]) -> Iterator[None]:
    """Context manager in which the method `apply_gradients` of an optimizer is replaced by a function."""
    before = vars(optimizer).get("apply_gradients")
    optimizer.apply_gradients = function
    try:
        yield
    finally:
        if before is None:
            del optimizer.apply_gradients
        else:
            optimizer.apply_gradients = before
