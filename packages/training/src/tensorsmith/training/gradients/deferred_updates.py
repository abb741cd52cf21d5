"""Deferred gradient updates, for steps in which XLA compiles everything except for the update."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import argument_error
from tensorsmith.core.types import Logs, NestedTensors
from tensorsmith.training.gradients.patched_updates import patched_updates
from tensorsmith.training.loop.compiled_step import Step


@contextlib.contextmanager
def deferred_updates(optimizer: keras.optimizers.Optimizer) -> Iterator[list[tuple[Any, Any]]]:
    """Context manager in which `apply_gradients` only appends its arguments to a list."""
    pairs: list[tuple[Any, Any]] = []

    def keep(grads_and_vars: Iterable[tuple[Any, Any]]) -> None:
        pairs.extend(grads_and_vars)

    with patched_updates(optimizer, keep):
        yield pairs


def with_compiled_gradients(step: Step, optimizer: keras.optimizers.Optimizer) -> Step:
    """Returns a step in which XLA compiles the forward and backward passes, but not the update.

    Args:
        step: Training step for a batch, which calls `apply_gradients` of the optimizer exactly once, at its end.
        optimizer: Optimizer whose `apply_gradients` method the step calls.

    Raises:
        ValueError: During tracing, if the step synchronizes replicas before the update.
    """

    def compiled(batch: NestedTensors) -> Logs:
        variables: list[Any] = []

        @tf.function(jit_compile=True, autograph=False)
        def gradients_of(batch: NestedTensors) -> tuple[Logs, list[Any]]:
            with deferred_updates(optimizer) as pairs:
                logs = step(batch)
            variables[:] = [variable for _, variable in pairs]
            return logs, [gradient for gradient, _ in pairs]

        try:
            logs, gradients = gradients_of(batch)
        except RuntimeError as error:
            if "merge_call" not in str(error):
                raise
            expected = (
                "False when a step synchronizes replicas, for example in synchronized batch normalization or "
                "in a second optimizer"
            )
            raise argument_error("jit", True, expected) from error
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return logs

    return compiled
