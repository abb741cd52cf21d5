"""Decay of weights that does not depend on the learning rate."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Self

import keras
import tensorflow as tf

from tensorsmith.core import check, export
from tensorsmith.core.types import Gradient, Hyperparameter, Scalar, Variable
from tensorsmith.optimizers._support import settings
from tensorsmith.optimizers._support.arguments import check_decay, check_patterns
from tensorsmith.optimizers._support.clipping import clipped
from tensorsmith.optimizers._support.paths import matches
from tensorsmith.optimizers._support.rows import merged, precise, read, write

BASE: Any = object  # in place of the optimizer that it stands before, whose methods it calls


class DecoupledWeightDecayExtension(BASE):
    """Takes a share of the weights off them before each step, which the learning rate does not scale.

    It is no optimizer, but stands before one among the bases of a class. Keras' own `weight_decay` is multiplied by the
    learning rate; here one may change without the other, each with a schedule of its own. Of a variable with a sparse
    gradient the rows that it names decay, unless Keras makes it dense, as its accumulation does.

    Formula, before the step of the optimizer:

        w = w - weight_decay w

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.

    Args:
        weight_decay: A number, a schedule, or a function without arguments.
        exclude_from_weight_decay: Regular expressions; variables in whose path, such as `model/dense_1/bias`, one is
            found do not decay. TensorFlow Addons has names, which in Keras 3 are `bias` only. The method of this name,
            which every Keras optimizer has, excludes others, too.
        **kwargs: The arguments of the optimizer.

    Raises:
        ValueError: `weight_decay` is negative, or there is no list of regular expressions.

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

    decays_itself = False  # nor does an optimizer of this package that does so otherwise

    def __init__(
        self,
        weight_decay: Hyperparameter,
        exclude_from_weight_decay: Sequence[str] | None = None,
        **kwargs: Any,
    ):
        check(weight_decay is not None, "weight_decay", weight_decay, "a number, a schedule, or a function")
        check_decay(weight_decay)
        check_patterns(exclude_from_weight_decay=exclude_from_weight_decay)
        super().__init__(**kwargs)
        self.weight_decay = weight_decay
        self._undecayed = exclude_from_weight_decay
        self._chosen: Any = None

    def build(self, variables: Sequence[Any]) -> None:
        """Finds the variables that do not decay."""
        if not self.built:
            self._exempt = [matches(variable, self._undecayed) for variable in variables]
        super().build(variables)

    def apply(
        self,
        grads: Sequence[Any],
        trainable_variables: Sequence[Any] | None = None,
        decay_var_list: Sequence[Any] | None = None,
    ) -> None:
        """Updates the variables.

        Args:
            grads: The gradients.
            trainable_variables: A variable for each; those the optimizer was built with if None.
            decay_var_list: Which of them decay in this step, whatever was excluded; if None, all that was not.
        """
        self._chosen = None if decay_var_list is None else {self._var_key(variable) for variable in decay_var_list}
        super().apply(grads, trainable_variables)

    def apply_gradients(
        self, grads_and_vars: Sequence[Any], decay_var_list: Sequence[Any] | None = None
    ) -> tf.Variable:
        """Updates the variables, given in pairs with their gradients.

        Args:
            grads_and_vars: The pairs.
            decay_var_list: Which variables decay in this step, whatever was excluded; if None, all that was not.
        """
        gradients, variables = zip(*grads_and_vars, strict=True)
        self.apply(gradients, variables, decay_var_list)
        return self._iterations

    def update_step(self, gradient: Gradient, variable: Variable, learning_rate: Scalar) -> None:
        """Decays one variable, and updates it."""
        if isinstance(gradient, tf.IndexedSlices):
            gradient = merged(gradient)  # of rows that come twice Keras' Adam takes the squares one by one
        if self._is_to_decay(variable):
            indices = gradient.indices if isinstance(gradient, tf.IndexedSlices) else None
            weights = read(variable, indices, precise(variable.dtype))
            decay = tf.cast(settings.current(self.weight_decay, self._iterations), weights.dtype)
            write(variable, indices, weights - decay * weights)
        super().update_step(gradient, variable, learning_rate)

    def has_kernel(self) -> bool:
        """No: kernels decay by the learning rate."""
        return False

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        patterns = None if self._undecayed is None else list(self._undecayed)
        own = {"weight_decay": settings.to_config(self.weight_decay), "exclude_from_weight_decay": patterns}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """An optimizer with the arguments of `get_config`."""
        decay = settings.from_config(config["weight_decay"], custom_objects)
        return super().from_config({**config, "weight_decay": decay}, custom_objects)

    def _is_to_decay(self, variable: Variable) -> bool:
        if self._chosen is not None:
            return self._var_key(variable) in self._chosen
        return not self._exempt[self._get_variable_index(variable)] and self._use_weight_decay(variable)

    def _clip_gradients(self, grads: Sequence[Gradient]) -> Sequence[Gradient]:
        return clipped(grads, self.clipnorm, self.clipvalue, self.global_clipnorm)  # Keras' makes sparse ones dense

    def _apply_weight_decay(self, variables: Sequence[Variable]) -> None:
        """Nothing: this would be Keras' decay."""


@functools.cache
def extend_with_decoupled_weight_decay(base_optimizer: type) -> type:
    """Makes a class of optimizers with decay of weights that does not depend on the learning rate.

    With `keras.optimizers.Adam` it is what TensorFlow Addons calls AdamW. The class takes `weight_decay` first,
    `exclude_from_weight_decay`, and all arguments of the optimizer by name; see `DecoupledWeightDecayExtension`. A
    saved model with such an optimizer loads where this function was called for the same class before.

    Args:
        base_optimizer: A class of optimizers.

    Returns:
        The class, the same one at every call.

    Raises:
        ValueError: `base_optimizer` is no class of Keras 3 optimizers, is one that stands around another, has such
            decay already, or shares its name with one that was extended before.

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
    check(fits, "base_optimizer", base_optimizer, "a class of Keras optimizers, such as keras.optimizers.Adam")
    bare = not issubclass(base_optimizer, DecoupledWeightDecayExtension | keras.optimizers.LossScaleOptimizer)
    check(bare, "base_optimizer", base_optimizer, "a class that neither has such decay nor stands around an optimizer")
    name = f"{base_optimizer.__name__}WithDecoupledWeightDecay"
    known = keras.saving.get_registered_object(f"tensorsmith>{name}")
    free = known is None or _origin(known.__bases__[-1]) == _origin(base_optimizer)  # as when its cell runs again
    expected = f"a class whose name is not taken, as {name} is in saved models"
    check(free, "base_optimizer", base_optimizer, expected, "make a subclass of it with another name")
    return export(type(name, (DecoupledWeightDecayExtension, base_optimizer), {"__module__": __name__}))


def _origin(kind: type) -> tuple[str, str]:
    return kind.__module__, kind.__qualname__
