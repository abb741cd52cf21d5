"""Gradient accumulation on replicas, without the all-reduce inside tf.cond that Keras uses."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.training.gradients.patched_updates import patched_updates

ACCUMULATOR = "_gradient_accumulator"  # suffix of the names of accumulators in Keras


def accumulates(optimizer: keras.optimizers.Optimizer) -> bool:
    """Returns `True` if the optimizer accumulates gradients over several steps."""
    return getattr(optimizer, "gradient_accumulation_steps", None) is not None


@contextlib.contextmanager
def accumulating(optimizers: Iterable[keras.optimizers.Optimizer]) -> Iterator[None]:
    """Context manager in which optimizers with gradient accumulation accumulate across replicas."""
    with contextlib.ExitStack() as stack:
        for optimizer in filter(accumulates, optimizers):
            stack.enter_context(patched_updates(optimizer, _Accumulator(optimizer)))
        yield


class _Accumulator:
    """Replacement for `apply_gradients` that accumulates gradients and updates the weights periodically.

    Accumulators and step count are those of the optimizer, so that a run can be resumed with any number of replicas.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer) -> None:
        self._optimizer = optimizer
        self._apply_gradients = optimizer.apply_gradients
        self._steps = optimizer.gradient_accumulation_steps
        sums = [variable for variable in optimizer.variables if variable.name.endswith(ACCUMULATOR)]
        self._sums = {variable.name: variable.value for variable in sums}
        received = Verbatim("weights with the same name")
        check(
            len(self._sums) == len(sums),
            "model",
            received,
            "have weights with distinct names to accumulate gradients",
        )

    def __call__(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> None:
        """Accumulates the gradients of a replica."""
        pairs = [(gradient, variable) for gradient, variable in grads_and_vars if gradient is not None]
        variables = [variable for _, variable in pairs]
        sums = [self._sum_of(variable) for variable in variables]
        replica = tf.distribute.get_replica_context()
        gradients = replica.all_reduce("SUM", [tf.convert_to_tensor(gradient) for gradient, _ in pairs])

        def add(strategy: tf.distribute.Strategy, gradients: list[Any]) -> None:
            for total, gradient in zip(sums, gradients, strict=True):
                strategy.extended.update(total, _add, args=(gradient,), group=False)
            self._count(strategy, sums, variables)

        replica.merge_call(add, args=(gradients,))

    def _sum_of(self, variable: keras.Variable) -> tf.Variable:
        name = variable.path.replace("/", "_") + ACCUMULATOR
        expected = "one of the variables that its optimizer was built with"
        check(
            name in self._sums,
            "weight",
            Verbatim(variable.path),
            expected,
            "build all weights before training",
        )
        return self._sums[name]

    def _count(self, strategy: tf.distribute.Strategy, sums: list[Any], variables: list[Any]) -> None:
        """Counts a step, and updates the weights after every `gradient_accumulation_steps` steps."""
        self._optimizer.gradient_accumulation_steps = None  # `apply_gradients` must update the weights
        try:
            count = self._optimizer.iterations.value
            done = count.read_value() + 1

            def update() -> None:
                count.assign(done // self._steps - 1)
                strategy.extended.call_for_each_replica(apply)
                for total in self._sums.values():  # including those of weights frozen in the meantime
                    strategy.extended.update(total, _clear, group=False)

            def apply() -> None:
                share = self._steps * strategy.num_replicas_in_sync  # `apply_gradients` sums over replicas
                means = [total.read_value() / tf.cast(share, total.dtype) for total in sums]
                self._apply_gradients(zip(means, variables, strict=True))

            tf.cond(done % self._steps == 0, update, lambda: None)
            count.assign(done)
        finally:
            self._optimizer.gradient_accumulation_steps = self._steps


def _add(variable: tf.Variable, value: tf.Tensor) -> None:
    variable.assign_add(value)


def _clear(variable: tf.Variable) -> None:
    variable.assign(tf.zeros_like(variable))
