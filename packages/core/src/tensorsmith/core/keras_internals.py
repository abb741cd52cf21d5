"""Access to private attributes of Keras.

Each function accesses one private attribute for which Keras has no public equivalent. A new version of Keras is
checked against this file and the methods marked with `overrides_private`. A test ensures that no other file reads
private attributes of Keras.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tensorsmith.core.types import Tensor, TensorLike, Variable

if TYPE_CHECKING:
    import keras

Method = TypeVar("Method", bound=Callable[..., Any])


def overrides_private(name: str, why: str) -> Callable[[Method], Method]:
    """Decorator that marks a method as an override of a private method of Keras or keras-tuner.

    A test compares the marks with the methods of the base classes. The method is returned unchanged.

    Args:
        name: Name of the method.
        why: Reason for the override.

    Example:
        >>> class Base:
        ...     def _save(self):
        ...         pass
        >>> class Quiet(Base):
        ...     @overrides_private("_save", "the base class has no option that disables it")
        ...     def _save(self):
        ...         pass
        >>> Quiet._save.overrides_private
        ('_save', 'the base class has no option that disables it')
    """

    def mark(method: Method) -> Method:
        vars(method)["overrides_private"] = (name, why)
        return method

    return mark


def built_variables(optimizer: "keras.optimizers.Optimizer") -> list[Variable]:
    """Return the model variables that the optimizer was built with, including variables that are now frozen.

    `optimizer.variables` contains the state of the optimizer instead, and no public attribute contains the model
    variables. Checked with Keras 3.12.0, 3.13.2 and 3.15.1.
    """
    return list(optimizer._trainable_variables)


def iterations_variable(optimizer: "keras.optimizers.Optimizer") -> Variable:
    """Return the variable that counts training steps, including steps that only accumulate gradients.

    With gradient accumulation, the public `iterations` counts updates instead and is not a variable. Checked with Keras
    3.12.0, 3.13.2 and 3.15.1.
    """
    return optimizer._iterations


def learning_rate_schedule(
    optimizer: "keras.optimizers.Optimizer",
) -> "keras.optimizers.schedules.LearningRateSchedule | None":
    """Return the learning rate schedule of an optimizer, or `None` if its learning rate is not a schedule.

    The public attribute `learning_rate` is the value of the schedule at the current step. Checked with Keras 3.15.1.
    """
    import keras

    rate = optimizer._learning_rate
    return rate if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) else None


def variable_key(optimizer: "keras.optimizers.Optimizer", variable: Variable) -> str:
    """Return the key by which an optimizer identifies a model variable. All replicas use the same key.

    `apply` receives Keras variables and `update_step` receives TensorFlow variables, which are those of one replica
    under a distribution strategy. No public attribute identifies them. Checked with Keras 3.12.0, 3.13.2 and 3.15.1.
    """
    key: str = optimizer._var_key(variable)
    return key


def variable_index(optimizer: "keras.optimizers.Optimizer", variable: Variable) -> int:
    """Return the index of a model variable among the variables that the optimizer was built with.

    The documentation of Keras uses this method in its example of a custom optimizer, but there is no public one.
    Checked with Keras 3.12.0, 3.13.2 and 3.15.1.
    """
    index: int = optimizer._get_variable_index(variable)
    return index


def uses_weight_decay(optimizer: "keras.optimizers.Optimizer", variable: Variable) -> bool:
    """Return `True` unless the variable was excluded with `optimizer.exclude_from_weight_decay`.

    Keras has a public method to exclude variables, but none that returns them. Checked with Keras 3.12.0, 3.13.2 and
    3.15.1.
    """
    return bool(optimizer._use_weight_decay(variable))


def first_moments(optimizer: "keras.optimizers.Optimizer") -> "list[keras.Variable]":
    """Return the first moments of `keras.optimizers.Adam`, `AdamW` or `Lamb`, one per model variable.

    `optimizer.variables` contains them as well, but its order is not documented. Checked with Keras 3.12.0, 3.13.2 and
    3.15.1.
    """
    moments: list[keras.Variable] = optimizer._momentums
    return moments


def second_moments(optimizer: "keras.optimizers.Optimizer") -> "list[keras.Variable]":
    """Return the second moments of `keras.optimizers.Adam`, `AdamW` or `Lamb`, one per model variable.

    `optimizer.variables` contains them as well, but its order is not documented. Checked with Keras 3.12.0, 3.13.2 and
    3.15.1.
    """
    moments: list[keras.Variable] = optimizer._velocities
    return moments


def overrides_compute_attention(layer: "keras.layers.MultiHeadAttention") -> bool:
    """Return `True` if the class of the layer overrides how `keras.layers.MultiHeadAttention` computes attention.

    Keras checks the same method before it chooses an implementation, and has no public method for it. Checked with
    Keras 3.12.0, 3.13.2 and 3.15.1.
    """
    import keras

    return type(layer)._compute_attention is not keras.layers.MultiHeadAttention._compute_attention


def replace_compute_attention(layer: "keras.layers.MultiHeadAttention", method: Callable[..., Any] | None) -> None:
    """Replace the method with which a subclass of `keras.layers.MultiHeadAttention` computes attention.

    The documentation of Keras describes the method as the one to override, and subclasses call it. The replacement is
    an attribute of the layer, so that its class, and with it the saved model, remains the same. Checked with Keras
    3.12.0, 3.13.2 and 3.15.1.

    Args:
        layer: Layer to change.
        method: Function of the layer and of the arguments of the method. If `None`, the method of the class is
            restored.
    """
    vars(layer).pop("_compute_attention", None)
    if method is not None:
        vars(layer)["_compute_attention"] = partial(method, layer)


def replaces_compute_attention(layer: "keras.layers.MultiHeadAttention") -> bool:
    """Return `True` if `replace_compute_attention` has replaced the method. See there for the versions of Keras."""
    return "_compute_attention" in vars(layer)


def original_compute_attention(layer: "keras.layers.MultiHeadAttention") -> Callable[..., Any]:
    """Return the method of the class that `replace_compute_attention` has replaced. See there for the versions."""
    return partial(type(layer)._compute_attention, layer)


def attention_dropout(layer: "keras.layers.MultiHeadAttention") -> "keras.layers.Dropout":
    """Return the dropout layer that `keras.layers.MultiHeadAttention` applies to attention scores.

    Its seed generator is part of the state of the attention layer, and no public attribute contains it. Checked with
    Keras 3.12.0, 3.13.2 and 3.15.1.
    """
    dropout: keras.layers.Dropout = layer._dropout_layer
    return dropout


def keras_mask(tensor: TensorLike) -> Tensor | None:
    """Return the mask that a Keras layer attached to its output, or `None` if there is no mask.

    Losses and metrics receive the mask of the predictions only in this attribute, and the public interface has no
    function that reads it. Checked with Keras 3.12.0, 3.13.2 and 3.15.1.
    """
    mask: Tensor | None = getattr(tensor, "_keras_mask", None)
    return mask


def set_keras_mask(tensor: Tensor, mask: Tensor | None) -> None:
    """Attach a mask to a tensor, as Keras does for the outputs of its layers.

    `keras.losses.Loss` and the next layer read the mask only from this attribute, and the public interface has no
    function that writes it. Checked with Keras 3.12.0, 3.13.2 and 3.15.1.
    """
    tensor._keras_mask = mask
