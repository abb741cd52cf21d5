"""Weight decay that is independent of the learning rate."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Self

import keras
import tensorflow as tf

from tensorsmith.core import check, export
from tensorsmith.core.keras_internals import (
    iterations_variable,
    overrides_private,
    uses_weight_decay,
    variable_index,
    variable_key,
)
from tensorsmith.core.types import Gradient, Hyperparameter, Scalar, Variable
from tensorsmith.optimizers._support import settings
from tensorsmith.optimizers._support.arguments import check_decay, check_no_decay, check_patterns
from tensorsmith.optimizers._support.clipping import clipped
from tensorsmith.optimizers._support.paths import matches
from tensorsmith.optimizers._support.rows import merged, precise, read, write

BASE: Any = object  # at run time the next base is an optimizer class


class DecoupledWeightDecayExtension(BASE):
    """Mixin that adds weight decay to an optimizer class. The decay does not depend on the learning rate.

    List it before the optimizer among the bases of a class. The `weight_decay` of Keras is multiplied by the learning
    rate; here, both can be changed independently, each with its own schedule. For a sparse gradient, only its rows
    decay, unless Keras converts it to a dense one, as gradient accumulation does.

    Formula, before the step of the optimizer:

        w = w - weight_decay w

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.

    Args:
        weight_decay: Fraction of the weights that is subtracted in each step: a float, a schedule, or a callable
            without arguments.
        exclude_from_weight_decay: List of regular expressions. A variable is excluded from weight decay if one of the
            expressions matches its path, such as `model/dense_1/bias`. TensorFlow Addons matches names instead, which
            in Keras 3 contain only the last component of the path, such as `bias`. Variables can also be excluded with
            the method `exclude_from_weight_decay` of Keras optimizers.
        **kwargs: Keyword arguments of the optimizer class.

    Raises:
        ValueError: If `weight_decay` is negative, or `exclude_from_weight_decay` is not a list of regular expressions.

    Example:
        >>> import keras
        >>> class Decaying(DecoupledWeightDecayExtension, keras.optimizers.RMSprop):
        ...     pass
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = Decaying(weight_decay=0.1, learning_rate=1e-9)
        >>> optimizer.apply([keras.ops.array([0.5, -0.5])], [variable])
        >>> print(variable.numpy().round(4))
        [0.9 1.8]
    """

    decays_itself = False  # disables the decay within the update of this package's optimizers

    def __init__(
        self,
        weight_decay: Hyperparameter,
        exclude_from_weight_decay: Sequence[str] | None = None,
        **kwargs: Any,
    ):
        check(weight_decay is not None, "weight_decay", weight_decay, "a number, a schedule, or a function")
        check_decay(weight_decay)
        check_patterns(exclude_from_weight_decay=exclude_from_weight_decay)
        check_no_decay(kwargs)
        super().__init__(**kwargs)
        self.weight_decay = weight_decay
        self._undecayed = exclude_from_weight_decay
        self._chosen: Any = None

    def build(self, variables: Sequence[Any]) -> None:
        """Determine which variables are excluded from weight decay, and build the optimizer."""
        if not self.built:
            self._exempt = [matches(variable, self._undecayed) for variable in variables]
        super().build(variables)

    def apply(
        self,
        grads: Sequence[Any],
        trainable_variables: Sequence[Any] | None = None,
        decay_var_list: Sequence[Any] | None = None,
    ) -> None:
        """Update the model variables, and apply weight decay to all of them or only to the given variables.

        Args:
            grads: List of gradients.
            trainable_variables: List of the corresponding variables. If `None`, the variables that the optimizer was
                built with are used.
            decay_var_list: List of variables to apply weight decay to in this step, including excluded variables. If
                `None`, weight decay is applied to all variables except for the excluded ones.
        """
        self._chosen = None if decay_var_list is None else {variable_key(self, variable) for variable in decay_var_list}
        super().apply(grads, trainable_variables)

    def apply_gradients(
        self, grads_and_vars: Sequence[Any], decay_var_list: Sequence[Any] | None = None
    ) -> tf.Variable:
        """Update the variables, given (gradient, variable) pairs.

        Args:
            grads_and_vars: List of (gradient, variable) pairs.
            decay_var_list: List of variables to apply weight decay to in this step, including excluded variables. If
                `None`, weight decay is applied to all variables except for the excluded ones.
        """
        gradients, variables = zip(*grads_and_vars, strict=True)
        self.apply(gradients, variables, decay_var_list)
        return iterations_variable(self)

    def update_step(self, gradient: Gradient, variable: Variable, learning_rate: Scalar) -> None:
        """Apply weight decay to one variable, and update it."""
        if isinstance(gradient, tf.IndexedSlices):
            gradient = merged(gradient)  # Keras' Adam squares duplicate indices one by one
        if self._is_to_decay(variable):
            indices = gradient.indices if isinstance(gradient, tf.IndexedSlices) else None
            weights = read(variable, indices, precise(variable.dtype))
            decay = tf.cast(settings.current(self.weight_decay, iterations_variable(self)), weights.dtype)
            write(variable, indices, weights - decay * weights)
        super().update_step(gradient, variable, learning_rate)

    def has_kernel(self) -> bool:
        """Return `False`, because the weight decay of the compiled ops depends on the learning rate."""
        return False

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer."""
        patterns = None if self._undecayed is None else list(self._undecayed)
        own = {"weight_decay": settings.to_config(self.weight_decay), "exclude_from_weight_decay": patterns}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Create an optimizer from its config."""
        decay = settings.from_config(config["weight_decay"], custom_objects)
        return super().from_config({**config, "weight_decay": decay}, custom_objects)

    def _is_to_decay(self, variable: Variable) -> bool:
        if self._chosen is not None:
            return variable_key(self, variable) in self._chosen
        return not self._exempt[variable_index(self, variable)] and uses_weight_decay(self, variable)

    @overrides_private("_clip_gradients", "Keras makes sparse gradients dense when it clips them")
    def _clip_gradients(self, grads: Sequence[Gradient]) -> Sequence[Gradient]:
        return clipped(grads, self.clipnorm, self.clipvalue, self.global_clipnorm)

    @overrides_private("_apply_weight_decay", "Keras would decay the weights as well")
    def _apply_weight_decay(self, variables: Sequence[Variable]) -> None:
        """Do nothing, because the mixin replaces the weight decay of Keras."""
        pass  # AutoGraph cannot convert a function that consists of a docstring


@functools.cache
def extend_with_decoupled_weight_decay(base_optimizer: type) -> type:
    """Return an optimizer class with weight decay that is independent of the learning rate.

    With `keras.optimizers.Adam`, its updates are those of `AddonsAdamW`. The arguments of the class are `weight_decay`,
    `exclude_from_weight_decay` and, by name, all arguments of the optimizer; see `DecoupledWeightDecayExtension`.
    Before loading a saved model with such an optimizer, call this function for the same class.

    Args:
        base_optimizer: Optimizer class to extend.

    Returns:
        The extended class. It is cached, so each call returns the same class.

    Raises:
        ValueError: If `base_optimizer` is not a Keras 3 optimizer class, wraps another optimizer, already has such
            decay, or has the same name as a different class that was extended before.

    Example:
        >>> import keras
        >>> AdamW = extend_with_decoupled_weight_decay(keras.optimizers.Adam)
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = AdamW(weight_decay=0.1, learning_rate=0.01)
        >>> optimizer.apply([keras.ops.array([0.5, -0.5])], [variable])
        >>> print(variable.numpy().round(4))
        [0.89 1.81]
    """
    fits = isinstance(base_optimizer, type) and issubclass(base_optimizer, keras.optimizers.Optimizer)
    check(fits, "base_optimizer", base_optimizer, "a Keras optimizer class, such as keras.optimizers.Adam")
    bare = not issubclass(base_optimizer, DecoupledWeightDecayExtension | keras.optimizers.LossScaleOptimizer)
    check(
        bare,
        "base_optimizer",
        base_optimizer,
        "an optimizer class without decoupled weight decay that does not wrap another optimizer",
    )
    name = f"{base_optimizer.__name__}WithDecoupledWeightDecay"
    known = keras.saving.get_registered_object(f"tensorsmith>{name}")
    free = known is None or _origin(known.__bases__[-1]) == _origin(base_optimizer)  # a notebook cell was run again
    expected = f"a class for which the name {name} is not already registered"
    check(free, "base_optimizer", base_optimizer, expected, "define a subclass with another name")
    return export(type(name, (DecoupledWeightDecayExtension, base_optimizer), {"__module__": __name__}))


def _origin(kind: type) -> tuple[str, str]:
    return kind.__module__, kind.__qualname__
