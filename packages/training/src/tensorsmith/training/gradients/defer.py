"""Stage that defers updates, for steps that need the gradients before the optimizer receives them."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import Logs, NestedTensors
from tensorsmith.training.gradients.routed_optimizer import Route, routed
from tensorsmith.training.gradients.stage import Pairs, Update
from tensorsmith.training.loop.compiled_step import Step


@dataclass(frozen=True)
class Deferral:
    """Deferred gradients of an optimizer.

    Attributes:
        optimizer: Optimizer whose updates are deferred.
        exclusive: If `True`, other optimizers must not be used at the same time.
        pairs: Deferred gradients with their variables.
    """

    optimizer: keras.optimizers.Optimizer
    exclusive: bool
    pairs: Pairs = field(default_factory=list)


# Each replica is traced in a thread of its own, and has its own deferral.
_current: ContextVar[Deferral | None] = ContextVar("deferral", default=None)


class Defer:
    """Stage that keeps gradients inside of `deferred_updates`, and otherwise passes them on.

    Args:
        optimizer: Optimizer whose gradient pipeline contains the stage.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer) -> None:
        self._optimizer = optimizer

    def __call__(self, proceed: Update, pairs: Pairs) -> None:
        """Keeps gradients or passes them on."""
        deferral = _current.get()
        if deferral is not None and deferral.optimizer is self._optimizer:
            deferral.pairs.extend(pairs)
            return
        expected = "False when a step uses a second optimizer under a distribution strategy"
        check(deferral is None or not deferral.exclusive, "jit", True, expected)
        proceed(pairs)


@contextlib.contextmanager
def deferred_updates(model: keras.Model, *, exclusive: bool = False) -> Iterator[Pairs]:
    """Context manager in which gradients for the optimizer of a model are appended to a list.

    Args:
        model: Compiled model.
        exclusive: If `True`, raise an error if an optimizer other than the optimizer of `model` is used.
    """
    with routed([(model, "optimizer")], lambda optimizer: Route([Defer(optimizer)], optimizer)):
        deferral = Deferral(model.optimizer.__wrapped__, exclusive)
        token = _current.set(deferral)
        try:
            yield deferral.pairs
        finally:
            _current.reset(token)


def with_compiled_gradients(step: Step, model: keras.Model) -> Step:
    """Returns a step in which XLA compiles the forward and backward passes, but not the update.

    Args:
        step: Training step for a batch, which passes gradients to the optimizer of the model exactly once, at its end.
        model: Model that the step trains.

    Raises:
        ValueError: During tracing, if the step uses a second optimizer.
    """

    def compiled(batch: NestedTensors) -> Logs:
        variables: list[Any] = []

        @tf.function(jit_compile=True, autograph=False)
        def gradients_of(batch: NestedTensors) -> tuple[Logs, list[tf.Tensor]]:
            with deferred_updates(model, exclusive=True) as pairs:
                logs = step(batch)
            variables[:] = [variable for _, variable in pairs]
            return logs, [gradient for gradient, _ in pairs]

        try:
            logs, gradients = gradients_of(batch)
        except RuntimeError as error:
            error.add_note("With jit=True under a distribution strategy, a step must not synchronize replicas.")
            raise
        model.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return logs

    return compiled
