"""Thresholded linear units."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Constraint, Initializer, Regularizer, Shape, Tensor


@export
class TLU(keras.layers.Layer):
    """ReLU with a learned threshold, which goes with FilterResponseNormalization.

    Formula, with the threshold tau and, with `affine`, the slope alpha:

        y = max(x, tau)
        y = max(x, alpha x + tau)    with `affine`

    Source: Singh and Krishnan, "Filter Response Normalization Layer", 2020.

    Args:
        affine: Whether there is a slope.
        tau_initializer: Initializer of the thresholds.
        tau_regularizer: Regularizer of the thresholds.
        tau_constraint: Constraint of the thresholds.
        alpha_initializer: Initializer of the slopes.
        alpha_regularizer: Regularizer of the slopes.
        alpha_constraint: Constraint of the slopes.
        shared_axes: Axes along which places share their weights, as in `keras.layers.PReLU`: [1, 2] for pictures gives
            one threshold for each channel, as in the paper. Each place has its own without, as in TensorFlow Addons.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        Any; axes that are not shared must have a known size.

    Output shape:
        The same as the input shape.

    Raises:
        ValueError: An axis that is not shared has no known size, or a shared one is no axis behind the batch.

    Example:
        >>> import numpy as np
        >>> print(TLU(tau_initializer="ones")(np.array([[-1.0, 0.5, 2.0]])).numpy())
        [[1. 1. 2.]]
    """

    def __init__(
        self,
        affine: bool = False,
        tau_initializer: Initializer = "zeros",
        tau_regularizer: Regularizer | None = None,
        tau_constraint: Constraint | None = None,
        alpha_initializer: Initializer = "zeros",
        alpha_regularizer: Regularizer | None = None,
        alpha_constraint: Constraint | None = None,
        shared_axes: Sequence[int] | None = None,
        **kwargs: Any,
    ):
        fits = all(is_integer(axis) and axis > 0 for axis in shared_axes or ())
        check(fits, "shared_axes", shared_axes, "positive integers, as 0 is the batch")
        shared_axes = plain(shared_axes)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.affine = affine
        self.tau_initializer = keras.initializers.get(tau_initializer)
        self.tau_regularizer = keras.regularizers.get(tau_regularizer)
        self.tau_constraint = keras.constraints.get(tau_constraint)
        self.alpha_initializer = keras.initializers.get(alpha_initializer)
        self.alpha_regularizer = keras.regularizers.get(alpha_regularizer)
        self.alpha_constraint = keras.constraints.get(alpha_constraint)
        self.shared_axes = None if shared_axes is None else list(shared_axes)

    def build(self, input_shape: Shape) -> None:
        """Makes the weights."""
        shared = self.shared_axes or []
        fits = all(axis < len(input_shape) for axis in shared)
        check(fits, "shared_axes", shared, f"axes of inputs of shape {tuple(input_shape)}")
        shape = [1 if axis in shared else size for axis, size in enumerate(input_shape)][1:]
        known = None not in shape
        check(known, "inputs", tuple(input_shape), "known sizes but for the batch", "give shared_axes, such as [1, 2]")
        self.tau = self.add_weight(
            shape=shape,
            name="tau",
            initializer=self.tau_initializer,
            regularizer=self.tau_regularizer,
            constraint=self.tau_constraint,
        )
        if self.affine:
            self.alpha = self.add_weight(
                shape=shape,
                name="alpha",
                initializer=self.alpha_initializer,
                regularizer=self.alpha_regularizer,
                constraint=self.alpha_constraint,
            )

    def call(self, inputs: Tensor) -> Tensor:
        """Takes the greater."""
        return keras.ops.maximum(inputs, self.alpha * inputs + self.tau if self.affine else self.tau)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "affine": self.affine,
            "tau_initializer": keras.initializers.serialize(self.tau_initializer),
            "tau_regularizer": keras.regularizers.serialize(self.tau_regularizer),
            "tau_constraint": keras.constraints.serialize(self.tau_constraint),
            "alpha_initializer": keras.initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": keras.regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": keras.constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }
        return {**super().get_config(), **own}
