"""Optimizers that an object holds, and the properties that the gradient pipeline depends on."""

from collections.abc import Iterator
from typing import Any

import keras

from tensorsmith.training._support.model_layers import parts_of

CLIPPING = ("clipnorm", "global_clipnorm", "clipvalue")


def optimizers_within(optimizer: Any) -> Iterator[keras.optimizers.Optimizer]:
    """Yields an optimizer and the optimizers that it contains, as a wrapper or a `MultiOptimizer` does."""
    if isinstance(optimizer, keras.optimizers.Optimizer):
        yield optimizer
        for inner in (getattr(optimizer, "inner_optimizer", None), *getattr(optimizer, "optimizers", ())):
            yield from optimizers_within(inner)


def optimizers_of(owner: object) -> list[keras.optimizers.Optimizer]:
    """Returns the optimizers held by an object or its layers, excluding inner optimizers of other optimizers."""
    return [part for part in parts_of(owner) if isinstance(part, keras.optimizers.Optimizer)]


def optimizer_attributes(owner: object) -> list[tuple[object, str]]:
    """Returns the attributes of an object and its layers that hold an optimizer, as pairs of an object and a name."""
    holders = [part for part in parts_of(owner) if part is owner or isinstance(part, keras.layers.Layer)]
    return [
        (holder, name)
        for holder in holders
        for name, value in vars(holder).items()
        if isinstance(value, keras.optimizers.Optimizer)
    ]


def accumulates(optimizer: keras.optimizers.Optimizer) -> bool:
    """Returns `True` if the optimizer accumulates gradients over several steps."""
    return getattr(optimizer, "gradient_accumulation_steps", None) is not None


def needs_global_gradients(optimizer: keras.optimizers.Optimizer) -> bool:
    """Returns `True` if the optimizer processes the gradients of a replica in a way that requires all gradients.

    This applies to gradient clipping, to accumulation, to loss scaling, which skips a step if any gradient overflows,
    and to optimizers with an attribute `needs_global_gradients` that is `True`, such as wrappers that add noise.
    """
    within = list(optimizers_within(optimizer))
    scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    clips = any(getattr(each, name) is not None for each in within for name in CLIPPING)
    declared = any(getattr(each, "needs_global_gradients", False) for each in within)
    return scales or clips or declared or any(map(accumulates, within))
