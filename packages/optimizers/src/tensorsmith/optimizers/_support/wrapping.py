"""Base classes for optimizer wrappers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.core.keras_internals import built_variables, uses_weight_decay, variable_index, variable_key
from tensorsmith.core.types import LearningRate, Optimizer, Variable
from tensorsmith.optimizers._support.rows import precise, read, write
from tensorsmith.optimizers._support.slots import SlotKeeper


class Wrapper(SlotKeeper):
    """Base class for optimizer wrappers that perform actions before or after the update of the inner optimizer.

    Learning rate, iterations and loss scale factor are those of the wrapped optimizer, as expected by callbacks,
    schedules and `keras.optimizers.LossScaleOptimizer`, which wraps both. All other settings, such as clipping and
    gradient accumulation, belong to the wrapped optimizer. The wrapper counts the updates in `updates`: with gradient
    accumulation, an update takes several steps.

    If the wrapped optimizer has been built for the variables of another model, the wrapper replaces it by a copy with
    the same config and separate state, because an optimizer of Keras 3 belongs to one model. In scripts for Keras 2,
    several models can share an optimizer.

    The wrapper contains no operations that require communication between replicas, so they may be conditional.

    Args:
        optimizer: Keras optimizer to wrap, or its name, such as `"adam"`.
        name: Name of the optimizer wrapper.

    Raises:
        ValueError: If `optimizer` is not an optimizer, or is one that must wrap this one.
    """

    def __init__(self, optimizer: Optimizer, name: str):
        super().__init__(learning_rate=lambda: self.learning_rate, name=name)
        self.inner_optimizer = _checked(optimizer)

    def before(self, gradients: Sequence[Any], variables: Sequence[Any]) -> Sequence[Any]:
        """Perform the actions before an update, and return the gradients for the inner optimizer.

        Args:
            gradients: List of gradients, some of which may be `None`.
            variables: List of the corresponding variables.
        """
        return gradients

    def after(self, variables: Sequence[Any]) -> None:
        """Perform the actions after an update of the model variables."""
        pass  # AutoGraph cannot convert a function that consists of a docstring

    def build(self, variables: Sequence[Any]) -> None:
        """Build the inner optimizer and the wrapper."""
        if self.built:
            return
        variables = list(variables)
        if _belongs_to_others(self.inner_optimizer, variables):
            self.inner_optimizer = _copied(self.inner_optimizer, variables)
        if not self.inner_optimizer.built:
            self.inner_optimizer.build(variables)
        super().build(variables)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Update the model variables, including the actions before and after the update.

        Args:
            grads: List of gradients.
            trainable_variables: List of the corresponding variables. If `None`, the variables that the optimizer was
                built with are used.
        """
        variables = self.built_for(trainable_variables)
        # With gradient accumulation, `iterations` increases only in steps that update the variables.
        done = tf.convert_to_tensor(self.inner_optimizer.iterations)
        self.inner_optimizer.apply(self.before(grads, variables), variables)
        if self._accumulates:
            updated = self.inner_optimizer.iterations > done
            self.updates.assign_add(tf.cast(updated, self.updates.dtype))
            do_if(updated, lambda: self.after(variables))
        else:
            self.updates.assign_add(1)
            self.after(variables)

    def built_for(self, trainable_variables: Sequence[Any] | None) -> list[Any]:
        """Return the list of variables to update, and build the optimizer with them if necessary."""
        if trainable_variables is None:
            check(self.built, "trainable_variables", None, "a list of variables unless the optimizer is built")
            return built_variables(self)
        variables = list(trainable_variables)
        self.build(variables)
        return variables

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Set the final values of the variables as determined by the inner optimizer."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Exclude variables from the weight decay of the inner optimizer."""
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    @property
    def variables(self) -> list[keras.Variable]:
        """Variables of the wrapper and of the inner optimizer."""
        return [*super().variables, *self.inner_optimizer.variables]

    @property
    def iterations(self) -> keras.Variable:
        """Iteration count of the inner optimizer."""
        return self.inner_optimizer.iterations

    @property
    def updates(self) -> keras.Variable:
        """Number of times that the model variables have been updated."""
        return super().iterations

    @property
    def learning_rate(self) -> LearningRate:
        """Learning rate of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: LearningRate) -> None:
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def loss_scale_factor(self) -> float | None:
        """Loss scale factor of the inner optimizer."""
        return self.inner_optimizer.loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, factor: float | None) -> None:
        if "inner_optimizer" in vars(self):  # the constructor of Keras sets it earlier
            self.inner_optimizer.loss_scale_factor = factor

    @property
    def _accumulates(self) -> bool:
        optimizer = self.inner_optimizer
        return optimizer._accumulates if isinstance(optimizer, Wrapper) else bool(optimizer.gradient_accumulation_steps)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer."""
        return {"optimizer": keras.optimizers.serialize(self.inner_optimizer), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Create an optimizer from its config. A `learning_rate` is passed to the inner optimizer."""
        config = dict(config)
        inner = config.pop("optimizer")
        if "learning_rate" in config:
            inner = {**inner, "config": {**inner["config"], "learning_rate": config.pop("learning_rate")}}
        return cls(keras.optimizers.deserialize(inner, custom_objects), **config)


class Keeper(Wrapper):
    """Base class for optimizer wrappers that store one additional state variable per model variable.

    The state of half-precision variables is stored in `float32`.
    """

    slot: str  # name of the state variables

    def build(self, variables: Sequence[Any]) -> None:
        """Create the state variables."""
        if self.built:
            return
        super().build(variables)
        (self._kept,) = self.add_slots(variables, self.slot)

    def before(self, gradients: Sequence[Any], variables: Sequence[Any]) -> Sequence[Any]:
        """Initialize the state variables before the first update."""
        every = built_variables(self)  # including those that are currently frozen
        do_if(self.updates.value == 0, lambda: self.begin(every))
        return gradients

    def begin(self, variables: Sequence[Any]) -> None:
        """Initialize the state variables with the current values of the model variables."""
        for variable, kept in self.pairs(variables):
            write(kept, None, read(variable, None, precise(variable.dtype)))

    def pairs(self, variables: Sequence[Any]) -> list[tuple[Any, Any]]:
        """Return a list of pairs of a model variable and the corresponding state variable."""
        return [(variable, self._kept[variable_index(self, variable)]) for variable in variables]


def do_if(condition: tf.Tensor, action: Callable[[], None]) -> None:
    """Call a function if a condition, which may be a tensor, is true."""
    keras.ops.cond(condition, action, lambda: None)


def _belongs_to_others(optimizer: keras.optimizers.Optimizer, variables: Sequence[Any]) -> bool:
    """Return `True` if an optimizer has been built, but for none of the given variables."""
    known = {variable_key(optimizer, variable) for variable in built_variables(optimizer)}  # none before `build`
    return bool(known) and not any(variable_key(optimizer, variable) in known for variable in variables)


def _copied(optimizer: keras.optimizers.Optimizer, variables: Sequence[Any]) -> keras.optimizers.Optimizer:
    """Return a copy of an optimizer, with the same config and the same exclusions from weight decay."""
    with tf.init_scope():  # `apply` may be called for the first time in a function that is being traced
        try:
            copy = type(optimizer).from_config(optimizer.get_config())
        except (TypeError, ValueError) as error:
            received = Verbatim(f"{optimizer.name}, which cannot be copied from its config: {error}")
            expected = "not be built for another model"
            raise argument_error("optimizer", received, expected, "create an optimizer for each model") from error
    inner = optimizer
    while isinstance(inner, Wrapper):
        inner = inner.inner_optimizer
    excluded = [variable for variable in variables if not uses_weight_decay(inner, variable)]
    if excluded:
        copy.exclude_from_weight_decay(excluded)
    return copy


def _checked(optimizer: Optimizer) -> keras.optimizers.Optimizer:
    name, expected = "optimizer", "a Keras 3 optimizer or the name of one"
    try:
        found = keras.optimizers.get(optimizer)
    except ValueError as error:
        raise argument_error(name, optimizer, expected) from error
    check(isinstance(found, keras.optimizers.Optimizer), name, optimizer, expected)
    around = isinstance(found, keras.optimizers.LossScaleOptimizer)
    check(
        not around,
        name,
        optimizer,
        "not use loss scaling",
        "wrap its inner optimizer, and wrap the result in a LossScaleOptimizer",
    )
    several = isinstance(found, getattr(keras.optimizers, "MultiOptimizer", ()))  # added in Keras 3.15
    check(
        not several, name, optimizer, "a single optimizer", "wrap the optimizers inside the MultiOptimizer individually"
    )
    return found
