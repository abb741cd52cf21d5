"""Gradients that a step makes, kept from its optimizer; and so a step of which XLA compiles all but the update."""

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
    """Within it, a list gets the gradients and variables that are meant for the optimizer."""
    pairs: list[tuple[Any, Any]] = []

    def keep(grads_and_vars: Iterable[tuple[Any, Any]]) -> None:
        pairs.extend(grads_and_vars)

    with standing_in(optimizer, keep):
        yield pairs


def with_compiled_gradients(step: Step, optimizer: keras.optimizers.Optimizer) -> Step:
    """A step whose forward and backward passes XLA compiles, for replicas, which have to meet before the update.

    Args:
        step: On a batch, with one call of the optimizer's `apply_gradients`, at its end.
        optimizer: The optimizer.

    Raises:
        ValueError: When it is traced: replicas meet before.
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
                "False where replicas meet within a step, in synchronized batch normalization or a second optimizer"
            )
            raise argument_error("jit", True, expected) from error
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return logs

    return compiled
