"""Optimizers around an optimizer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import keras
import tensorflow as tf

from tensorsmith.core import argument_error, check
from tensorsmith.core.types import LearningRate, Optimizer, Variable
from tensorsmith.optimizers._support.rows import precise, read, write
from tensorsmith.optimizers._support.slots import SlotKeeper


class Wrapper(SlotKeeper):
    """An optimizer that has another make the updates, and does something before or after them.

    Learning rate, iterations and scale of the loss are those of the other one, so that callbacks, schedules and
    `keras.optimizers.LossScaleOptimizer`, which stands around both, find what they look for. All other settings, such
    as clipping and accumulation, are given to the other one. Its own `_iterations`, which every optimizer has, count
    updates: with accumulated gradients there is one in several steps.

    Nothing is done here that replicas have to agree on, so what is done may depend on conditions.

    Args:
        optimizer: Another optimizer, or the name of one.
        name: Name of this one.

    Raises:
        ValueError: `optimizer` is none, or one that has to stand around this one.
    """

    def __init__(self, optimizer: Optimizer, name: str):
        super().__init__(learning_rate=lambda: self.learning_rate, name=name)
        self.inner_optimizer = _checked(optimizer)

    def before(self, gradients: Sequence[Any], variables: Sequence[Any]) -> Sequence[Any]:
        """Does what there is to do before a step, and returns the gradients that the other optimizer gets.

        Args:
            gradients: Some of them may be None.
            variables: The variable of each.
        """
        return gradients

    def after(self, variables: Sequence[Any]) -> None:
        """Does what there is to do after an update of the variables."""

    def build(self, variables: Sequence[Any]) -> None:
        """Builds both."""
        if self.built:
            return
        variables = list(variables)
        if not self.inner_optimizer.built:
            self.inner_optimizer.build(variables)
        super().build(variables)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Updates the variables.

        Args:
            grads: The gradients.
            trainable_variables: A variable for each; those the optimizer was built with if None.
        """
        variables = self.built_for(trainable_variables)
        done = tf.convert_to_tensor(self.inner_optimizer.iterations)
        self.inner_optimizer.apply(self.before(grads, variables), variables)
        if self._accumulates:
            updated = self.inner_optimizer.iterations > done
            self._iterations.assign_add(tf.cast(updated, self._iterations.dtype))
            do_if(updated, lambda: self.after(variables))
        else:
            self._iterations.assign_add(1)
            self.after(variables)

    def built_for(self, trainable_variables: Sequence[Any] | None) -> list[Any]:
        """The variables of a step, with which this is built now if it was not."""
        if trainable_variables is None:
            check(self.built, "trainable_variables", None, "variables, or an optimizer that is built")
            return list(self._trainable_variables)
        variables = list(trainable_variables)
        self.build(variables)
        return variables

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Sets the last values of variables, if the other optimizer has others than those of training."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Tells the other optimizer, which decays weights."""
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    @property
    def variables(self) -> list[keras.Variable]:
        """Those of both."""
        return [*self._variables, *self.inner_optimizer.variables]

    @property
    def iterations(self) -> keras.Variable:
        """Those of the other optimizer."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> LearningRate:
        """That of the other optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: LearningRate) -> None:
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def loss_scale_factor(self) -> float | None:
        """That of the other optimizer."""
        return self.inner_optimizer.loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, factor: float | None) -> None:
        if "inner_optimizer" in vars(self):  # Keras sets one before
            self.inner_optimizer.loss_scale_factor = factor

    @property
    def _accumulates(self) -> bool:
        optimizer = self.inner_optimizer
        return optimizer._accumulates if isinstance(optimizer, Wrapper) else bool(optimizer.gradient_accumulation_steps)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {"optimizer": keras.optimizers.serialize(self.inner_optimizer), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """An optimizer with the arguments of `get_config`; a `learning_rate` beside them is for the other one."""
        config = dict(config)
        inner = config.pop("optimizer")
        if "learning_rate" in config:
            inner = {**inner, "config": {**inner["config"], "learning_rate": config.pop("learning_rate")}}
        return cls(keras.optimizers.deserialize(inner, custom_objects), **config)


class Keeper(Wrapper):
    """A wrapper that keeps something of each variable, which begins as the variable is before the first update.

    What is kept of half precision is float32.
    """

    slot: str  # what it is called

    def build(self, variables: Sequence[Any]) -> None:
        """Makes room for it."""
        if self.built:
            return
        super().build(variables)
        (self._kept,) = self.add_slots(variables, self.slot)

    def before(self, gradients: Sequence[Any], variables: Sequence[Any]) -> Sequence[Any]:
        """Begins, before the first update."""
        every = self._trainable_variables  # those that are frozen as yet, too
        do_if(self._iterations.value == 0, lambda: self.begin(every))
        return gradients

    def begin(self, variables: Sequence[Any]) -> None:
        """Begins where the variables are."""
        for variable, kept in self.pairs(variables):
            write(kept, None, read(variable, None, precise(variable.dtype)))

    def pairs(self, variables: Sequence[Any]) -> list[tuple[Any, Any]]:
        """Each variable with what is kept of it."""
        return [(variable, self._kept[self._get_variable_index(variable)]) for variable in variables]


def do_if(condition: tf.Tensor, action: Callable[[], None]) -> None:
    """Does something if a condition holds, which may be known only when the step runs."""
    keras.ops.cond(condition, action, lambda: None)


def _checked(optimizer: Optimizer) -> keras.optimizers.Optimizer:
    name, expected = "optimizer", "an optimizer of Keras 3, or the name of one"
    try:
        found = keras.optimizers.get(optimizer)
    except ValueError as error:
        raise argument_error(name, optimizer, expected) from error
    check(isinstance(found, keras.optimizers.Optimizer), name, optimizer, expected)
    around = isinstance(found, keras.optimizers.LossScaleOptimizer)
    check(not around, name, optimizer, "one without scaling of the loss", "put LossScaleOptimizer around this one")
    several = isinstance(found, getattr(keras.optimizers, "MultiOptimizer", ()))  # since Keras 3.15
    check(not several, name, optimizer, "a single optimizer", "put this around each of those in the MultiOptimizer")
    return found
