"""Filter response normalization layer, which does not depend on batch statistics."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Constraint, Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class FilterResponseNormalization(keras.layers.Layer):
    """Filter response normalization: divides each channel by its root mean square over the spatial axes.

    Each example is normalized separately, independent of the batch. The mean is not subtracted, so that the layer is
    meant to be followed by `TLU`. Formula, with e a learned parameter with `learned_epsilon`, otherwise 0:

        y = gamma x / sqrt(mean(x²) + |epsilon| + |e|) + beta

    Source: Singh and Krishnan, "Filter Response Normalization Layer", 2020.

    Args:
        epsilon: Small float added to the mean square for numerical stability.
        axis: Sequence of spatial axes, which must not contain the batch axis or the channel axis (the last one).
        beta_initializer: Initializer for the beta weight.
        gamma_initializer: Initializer for the gamma weight.
        beta_regularizer: Regularizer for the beta weight.
        gamma_regularizer: Regularizer for the gamma weight.
        beta_constraint: Constraint for the beta weight.
        gamma_constraint: Constraint for the gamma weight.
        learned_epsilon: If `True`, a learned parameter e is added to `epsilon`. The initial value of e is 1e-4.
        learned_epsilon_constraint: Constraint for the learned parameter e.
        name: String, the name of the layer.
        **kwargs: Other base layer keyword arguments, such as `dtype` and `trainable`.

    Call arguments:
        inputs: Floating-point tensor. The mean is computed in float32 for half-precision inputs.

    Input shape:
        `(batch, ..., channels)`. For images: `(batch, height, width, channels)`.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `axis` does not contain valid axes, or `epsilon` is not a finite number.

    Example:
        >>> import numpy as np
        >>> x = np.array([[[[3.0], [4.0]]]])
        >>> print(FilterResponseNormalization()(x).numpy().ravel().round(4))  # sqrt((9 + 16) / 2) = 3.5355
        [0.8485 1.1314]
    """

    def __init__(
        self,
        epsilon: float = 1e-6,
        axis: Sequence[int] = (1, 2),
        beta_initializer: Initializer = "zeros",
        gamma_initializer: Initializer = "ones",
        beta_regularizer: Regularizer | None = None,
        gamma_regularizer: Regularizer | None = None,
        beta_constraint: Constraint | None = None,
        gamma_constraint: Constraint | None = None,
        learned_epsilon: bool = False,
        learned_epsilon_constraint: Constraint | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        check(is_number(epsilon), "epsilon", epsilon, "a finite number")
        fits = isinstance(axis, list | tuple) and len(axis) > 0 and all(is_integer(one) for one in axis)
        check(fits, "axis", axis, "a non-empty list of integers")
        epsilon, axis = plain((epsilon, axis))
        super().__init__(name=name, **kwargs)
        self.supports_masking = True
        self.epsilon = epsilon
        self.axis = list(axis)
        self.beta_initializer = keras.initializers.get(beta_initializer)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.beta_regularizer = keras.regularizers.get(beta_regularizer)
        self.gamma_regularizer = keras.regularizers.get(gamma_regularizer)
        self.beta_constraint = keras.constraints.get(beta_constraint)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)
        self.learned_epsilon = learned_epsilon
        self.learned_epsilon_constraint = keras.constraints.get(learned_epsilon_constraint)

    def build(self, input_shape: Shape) -> None:
        """Creates the weights of the layer."""
        rank = len(input_shape)
        positions = {axis % rank for axis in self.axis if -rank <= axis < rank}
        fits = len(positions) == len(self.axis) and not positions & {0, rank - 1}
        expected = f"a list of distinct axes of inputs of rank {rank}, other than the batch and channel axes"
        check(fits, "axis", self.axis, expected)
        if self.learned_epsilon:
            self.eps_learned = self.add_weight(
                shape=(1,),
                name="learned_epsilon",
                initializer=keras.initializers.Constant(1e-4),
                constraint=self.learned_epsilon_constraint,
            )
        shape = (*[1] * (rank - 1), input_shape[-1])  # the weight shape of TensorFlow Addons
        self.gamma = self.add_weight(
            shape=shape,
            name="gamma",
            initializer=self.gamma_initializer,
            regularizer=self.gamma_regularizer,
            constraint=self.gamma_constraint,
        )
        self.beta = self.add_weight(
            shape=shape,
            name="beta",
            initializer=self.beta_initializer,
            regularizer=self.beta_regularizer,
            constraint=self.beta_constraint,
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Normalizes the inputs."""
        inputs = floating(inputs, self.compute_dtype)
        wide = keras.backend.result_type(self.compute_dtype, "float32")
        # One mean per example and channel, with size 1 along the normalized axes.
        squares = keras.ops.mean(keras.ops.square(keras.ops.cast(inputs, wide)), self.axis, keepdims=True)
        # The absolute values keep the sum positive while e is trained.
        epsilon = abs(self.epsilon)
        if self.learned_epsilon:
            epsilon += keras.ops.abs(keras.ops.cast(self.eps_learned, wide))
        return self.gamma * (inputs * keras.ops.cast(keras.ops.rsqrt(squares + epsilon), inputs.dtype)) + self.beta

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "epsilon": self.epsilon,
            "axis": self.axis,
            "beta_initializer": keras.initializers.serialize(self.beta_initializer),
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
            "beta_regularizer": keras.regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": keras.regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": keras.constraints.serialize(self.beta_constraint),
            "gamma_constraint": keras.constraints.serialize(self.gamma_constraint),
            "learned_epsilon": self.learned_epsilon,
            "learned_epsilon_constraint": keras.constraints.serialize(self.learned_epsilon_constraint),
        }
        return {**super().get_config(), **own}
