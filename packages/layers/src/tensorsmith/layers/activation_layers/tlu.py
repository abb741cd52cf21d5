"""Thresholded linear unit (TLU), an activation layer with a learned threshold."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Constraint, Initializer, Regularizer, Shape, Tensor


@export
class TLU(keras.layers.Layer):
    """Thresholded linear unit: ReLU with a learned threshold, for use after `FilterResponseNormalization`.

    Formula, with the threshold tau and, if `affine` is `True`, the slope alpha:

        y = max(x, tau)
        y = max(x, alpha x + tau)    with `affine`

    Source: Singh and Krishnan, "Filter Response Normalization Layer", 2020.

    Args:
        affine: If `True`, the threshold is alpha x + tau, with a learned slope alpha.
        tau_initializer: Initializer for the thresholds.
        tau_regularizer: Regularizer for the thresholds.
        tau_constraint: Constraint for the thresholds.
        alpha_initializer: Initializer for the slopes.
        alpha_regularizer: Regularizer for the slopes.
        alpha_constraint: Constraint for the slopes.
        shared_axes: Axes along which weights are shared, as in `keras.layers.PReLU`. For images, `[1, 2]` results in
            one threshold per channel, as in the paper. If `None`, each position has its own threshold, as in TensorFlow
            Addons.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        Arbitrary. The sizes of axes that are not shared must be known.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If the size of an axis that is not shared is unknown, or a shared axis is not an axis of the inputs
            after the batch axis.

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
        check(fits, "shared_axes", shared_axes, "positive integers (0 is the batch axis)")
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
        """Creates the weights of the layer."""
        shared = self.shared_axes or []
        fits = all(axis < len(input_shape) for axis in shared)
        check(fits, "shared_axes", shared, f"valid axes for inputs of shape {tuple(input_shape)}")
        # One weight per position without the batch axis, of size 1 along the shared axes.
        shape = [1 if axis in shared else size for axis, size in enumerate(input_shape)][1:]
        known = None not in shape
        check(
            known,
            "inputs",
            tuple(input_shape),
            "have a known shape except for the batch axis",
            "pass `shared_axes`, for example [1, 2]",
        )
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
        """Computes the maximum of the inputs and the threshold."""
        return keras.ops.maximum(inputs, self.alpha * inputs + self.tau if self.affine else self.tau)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
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
