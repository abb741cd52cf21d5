"""Layer normalization with a compiled kernel."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Constraint, Initializer, Regularizer, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.kernel_layer import KernelLayer


@export
class LayerNormalization(KernelLayer, keras.layers.LayerNormalization):
    """Layer normalization of Keras with a compiled kernel for CPU.

    Arguments, weights and results are those of `keras.layers.LayerNormalization`. Each example is normalized to mean 0
    and variance 1 over the last axis, then scaled and shifted:

        y = gamma * (x - mean(x)) / sqrt(variance(x) + epsilon) + beta

    Statistics are computed in float32 for half-precision inputs. The implementation of Keras is used for axes other
    than the last one.

    With `epsilon_outside`, epsilon is added outside of the square root, as in Géron, "Hands-On Machine Learning",
    2nd ed., chapter 12. No kernel is used in this case. Gradients are larger where inputs have little variance, by a
    factor of up to sqrt(1 / epsilon):

        y = gamma * (x - mean(x)) / (sqrt(variance(x)) + epsilon) + beta

    Source: Ba et al., "Layer Normalization", 2016.

    Args:
        axis: Integer or sequence of integers, the axis or axes to normalize over.
        epsilon: Small float added to the variance for numerical stability.
        center: If `True`, add an offset of `beta` to the normalized tensor.
        scale: If `True`, multiply the normalized tensor by `gamma`.
        beta_initializer: Initializer for the beta weight.
        gamma_initializer: Initializer for the gamma weight.
        beta_regularizer: Regularizer for the beta weight.
        gamma_regularizer: Regularizer for the gamma weight.
        beta_constraint: Constraint for the beta weight.
        gamma_constraint: Constraint for the gamma weight.
        epsilon_outside: If `True`, epsilon is added to the standard deviation instead of the variance.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of rank 2 or more.

    Input shape:
        Arbitrary.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `axis` is not an integer or a sequence of integers, `epsilon` is negative, or `epsilon_outside`
            is not a boolean or is combined with `rms_scaling`.

    Example:
        >>> import numpy as np
        >>> x = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 6.0]])
        >>> print(LayerNormalization(epsilon=1e-6)(x).numpy().round(3))
        [[-1.225  0.     1.225]
         [-0.707 -0.707  1.414]]
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Initializer = "zeros",
        gamma_initializer: Initializer = "ones",
        beta_regularizer: Regularizer | None = None,
        gamma_regularizer: Regularizer | None = None,
        beta_constraint: Constraint | None = None,
        gamma_constraint: Constraint | None = None,
        epsilon_outside: bool = False,
        **kwargs: Any,
    ):
        check_normalization(axis, epsilon)
        check(isinstance(epsilon_outside, bool), "epsilon_outside", epsilon_outside, "True or False")
        fits = not (epsilon_outside and kwargs.get("rms_scaling"))
        check(
            fits,
            "epsilon_outside",
            epsilon_outside,
            "False with `rms_scaling=True`",
            "`rms_scaling` always adds epsilon inside the square root",
        )
        axis, epsilon = plain((axis, epsilon))
        super().__init__(
            axis=axis,
            epsilon=epsilon,
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            **kwargs,
        )
        self.epsilon_outside = epsilon_outside

    def call(self, inputs: Tensor) -> Tensor:
        """Normalizes the inputs."""
        inputs = floating(inputs, self.compute_dtype)
        x = tf.convert_to_tensor(inputs)
        if self.epsilon_outside:
            return self._by_deviation(x)
        if not is_last(self.axis, x) or self.rms_scaling:
            return super().call(inputs)
        y = ops.layer_norm(x, self.gamma, self.beta, epsilon=self.epsilon)
        return tf.cast(y, self.compute_dtype)

    def _by_deviation(self, x: tf.Tensor) -> tf.Tensor:
        """Normalizes the inputs with epsilon added to the standard deviation instead of the variance."""
        wide = tf.cast(x, keras.backend.result_type(x.dtype, "float32"))
        mean, variance = tf.nn.moments(wide, self.axis, keepdims=True)
        varies = variance > 0  # the gradient of the root is infinite at 0
        deviation = tf.where(varies, tf.sqrt(tf.where(varies, variance, 1)), 0)
        y = (wide - mean) / (deviation + self.epsilon)
        # Weights have the sizes of the normalized axes and are broadcast over the others.
        shape = [1] * len(x.shape)
        for position in self.axis:
            shape[position] = x.shape[position]
        for weight, operation in ((self.gamma, tf.multiply), (self.beta, tf.add)):
            y = y if weight is None else operation(y, tf.reshape(tf.cast(weight, y.dtype), shape))
        return tf.cast(y, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "epsilon_outside": self.epsilon_outside}


def check_normalization(axis: int | Sequence[int], epsilon: float) -> None:
    """Raises a `ValueError` unless `axis` and `epsilon` are valid."""
    axes = axis if isinstance(axis, Sequence) and not isinstance(axis, str) else [axis]
    check(
        len(axes) > 0 and all(is_integer(one) for one in axes),
        "axis",
        axis,
        "an integer or a non-empty sequence of integers",
        "pass -1 for the last axis",
    )
    check(is_number(epsilon) and epsilon >= 0, "epsilon", epsilon, "a non-negative number")


def is_last(axes: Sequence[int], x: tf.Tensor) -> bool:
    """Returns `True` if the kernel supports the inputs: floating-point tensors, normalized over the last axis."""
    return x.dtype.is_floating and len(axes) == 1 and axes[0] in (-1, (x.shape.rank or 0) - 1)
