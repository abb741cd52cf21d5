"""Stage that accumulates gradients on replicas, without the all-reduce inside tf.cond that Keras uses."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.keras_internals import iterations_variable
from tensorsmith.training.gradients.stage import Pairs, Update

ACCUMULATOR = "_gradient_accumulator"  # suffix of the names of accumulators in Keras


def without_accumulation(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Returns an optimizer that has the same variables and settings, but updates the weights in each step."""
    every_step = object.__new__(type(optimizer))  # `copy.copy` would also copy the variables
    vars(every_step).update(vars(optimizer), gradient_accumulation_steps=None)
    return every_step


class Accumulate:
    """Stage that accumulates global gradients, and passes on their mean after a number of steps.

    Accumulators and step count are those of the optimizer, so that a run can be resumed with any number of replicas.

    Args:
        optimizer: Optimizer whose argument `gradient_accumulation_steps` is set.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer) -> None:
        self._steps = optimizer.gradient_accumulation_steps
        self._count = iterations_variable(optimizer).value
        sums = [variable for variable in optimizer.variables if variable.name.endswith(ACCUMULATOR)]
        self._sums = {variable.name: variable.value for variable in sums}
        received = Verbatim("weights with the same name")
        expected = "have weights with distinct names to accumulate gradients"
        check(len(self._sums) == len(sums), "model", received, expected)

    def __call__(self, proceed: Update, pairs: Pairs) -> None:
        """Accumulates gradients, and passes on their mean if this is the last of several steps."""
        pairs = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
        sums = [self._sum_of(variable) for _, variable in pairs]

        def pass_means() -> None:
            means = [total.read_value() / tf.cast(self._steps, total.dtype) for total in sums]
            proceed(list(zip(means, [variable for _, variable in pairs], strict=True)))

        def add(strategy: tf.distribute.Strategy, gradients: list[tf.Tensor]) -> None:
            for total, gradient in zip(sums, gradients, strict=True):
                strategy.extended.update(total, _add, args=(gradient,), group=False)
            self._count_step(strategy, pass_means)

        gradients = [tf.convert_to_tensor(gradient) for gradient, _ in pairs]
        tf.distribute.get_replica_context().merge_call(add, args=(gradients,))

    def _sum_of(self, variable: keras.Variable) -> tf.Variable:
        name = variable.path.replace("/", "_") + ACCUMULATOR
        expected, remedy = (
            "one of the variables that its optimizer was built with",
            "build all weights and the optimizer before training",
        )
        check(name in self._sums, "weight", Verbatim(variable.path), expected, remedy)
        return self._sums[name]

    def _count_step(self, strategy: tf.distribute.Strategy, pass_means: Callable[[], None]) -> None:
        """Counts a step, and passes on the means after every `gradient_accumulation_steps` steps."""
        done = self._count.read_value() + 1

        def update() -> None:
            self._count.assign(done // self._steps - 1)  # the optimizer counts updates
            strategy.extended.call_for_each_replica(pass_means)
            for total in self._sums.values():  # including those of weights frozen in the meantime
                strategy.extended.update(total, _clear, group=False)

        tf.cond(done % self._steps == 0, update, lambda: None)
        self._count.assign(done)


def _add(variable: tf.Variable, value: tf.Tensor) -> None:
    variable.assign_add(value)


def _clear(variable: tf.Variable) -> None:
    variable.assign(tf.zeros_like(variable))
