"""Deferred gradients, collected instead of applied, for steps in which XLA compiles everything except the update."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import argument_error
from tensorsmith.core.types import Logs, NestedTensors
from tensorsmith.training.gradients.standing_in import standing_in
from tensorsmith.training.loop.compiled_step import Step


@contextlib.contextmanager
def held_back(optimizer: keras.optimizers.Optimizer) -> Iterator[list[tuple[Any, Any]]]:
    """Within the context, collects the arguments of `apply_gradients` in a list instead of applying them."""
    pairs: list[tuple[Any, Any]] = []

    def keep(grads_and_vars: Iterable[tuple[Any, Any]]) -> None:
        pairs.extend(grads_and_vars)

    with standing_in(optimizer, keep):
        yield pairs


def with_compiled_gradients(step: Step, optimizer: keras.optimizers.Optimizer) -> Step:
    """Returns a step whose forward and backward passes are compiled by XLA, without the update, which uses all-reduce.

    Args:
        step: Training step on a batch, which calls `apply_gradients` of the optimizer once, at its end.
        optimizer: The optimizer.

    Raises:
        ValueError: During tracing, if the step synchronizes replicas before the update.
    """

    def compiled(batch: NestedTensors) -> Logs:
        variables: list[Any] = []

        @tf.function(jit_compile=True, autograph=False)
        def gradients_of(batch: NestedTensors) -> tuple[Logs, list[Any]]:
            with held_back(optimizer) as pairs:
                logs = step(batch)
            variables[:] = [variable for _, variable in pairs]
            return logs, [gradient for gradient, _ in pairs]

        try:
            logs, gradients = gradients_of(batch)
        except RuntimeError as error:
            if "merge_call" not in str(error):
                raise
            expected = (
                "False when a step synchronizes replicas, as synchronized batch normalization and a second optimizer do"
            )
            raise argument_error("jit", True, expected) from error
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return logs

    return compiled
