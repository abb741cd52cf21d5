"""Gradients that replicas accumulate over steps; Keras would have them meet within a condition, which cannot be."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.training.gradients.standing_in import standing_in

ACCUMULATOR = "_gradient_accumulator"  # the end of the names that Keras gives to sums of gradients


def accumulates(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether it updates weights every so many steps only."""
    return getattr(optimizer, "gradient_accumulation_steps", None) is not None


@contextlib.contextmanager
def accumulating(optimizers: Iterable[keras.optimizers.Optimizer]) -> Iterator[None]:
    """Within it, those optimizers that accumulate gradients do so across replicas."""
    with contextlib.ExitStack() as stack:
        for optimizer in filter(accumulates, optimizers):
            stack.enter_context(standing_in(optimizer, _Accumulator(optimizer)))
        yield


class _Accumulator:
    """Takes the place of an optimizer's `apply_gradients`: adds to its sums, and updates weights when it is time.

    Sums and count are the optimizer's own, so that a run may go on with any number of replicas.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer) -> None:
        self._optimizer = optimizer
        self._apply_gradients = optimizer.apply_gradients
        self._steps = optimizer.gradient_accumulation_steps
        sums = [variable for variable in optimizer.variables if variable.name.endswith(ACCUMULATOR)]
        self._sums = {variable.name: variable.value for variable in sums}
        received = Verbatim("weights of one name")
        check(len(self._sums) == len(sums), "model", received, "names of their own, to accumulate gradients")

    def __call__(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> None:
        """On each replica, with its gradients."""
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
        expected = "one of those that its optimizer was built with"
        check(
            name in self._sums,
            "weight",
            Verbatim(variable.path),
            expected,
            "first build it with all weights that are ever trained",
        )
        return self._sums[name]

    def _count(self, strategy: tf.distribute.Strategy, sums: list[Any], variables: list[Any]) -> None:
        """One step more, of all replicas together."""
        self._optimizer.gradient_accumulation_steps = None  # so that it applies what it is given, and counts it
        try:
            count = self._optimizer.iterations.value
            done = count.read_value() + 1

            def update() -> None:
                count.assign(done // self._steps - 1)
                strategy.extended.call_for_each_replica(apply)
                for total in self._sums.values():  # those of weights that have been frozen meanwhile, too
                    strategy.extended.update(total, _clear, group=False)

            def apply() -> None:
                share = self._steps * strategy.num_replicas_in_sync  # of each, as gradients of replicas are added up
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
