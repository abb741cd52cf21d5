"""RMS normalization layer with a compiled kernel for CPU."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import export, plain
from tensorsmith.core.types import Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.kernel_layer import KernelLayer
from tensorsmith.layers.normalization.layer_normalization import check_normalization, is_last


@export
class RMSNormalization(KernelLayer, keras.layers.RMSNormalization):
    """RMS normalization of Keras with a compiled kernel for CPU.

    Arguments, weights and results are those of `keras.layers.RMSNormalization`. Each example is divided by its root
    mean square over the last axis, then scaled:

        y = scale * x / sqrt(mean(x²) + epsilon)

    The mean is computed in float32 for half-precision inputs. The implementation of Keras is used for axes other than
    the last one.

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.

    Args:
        axis: Integer or sequence of integers, the axis or axes to normalize over.
        epsilon: Small float added to the mean square for numerical stability.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        x: Input tensor of rank 2 or more.

    Input shape:
        Arbitrary.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `axis` is not an integer or a sequence of integers, or `epsilon` is negative.

    Example:
        >>> import numpy as np
        >>> print(RMSNormalization()(np.array([[3.0, 4.0]])).numpy().round(4))
        [[0.8485 1.1314]]
    """

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any):
        check_normalization(axis, epsilon)
        axis, epsilon = plain((axis, epsilon))
        super().__init__(axis=axis, epsilon=epsilon, **kwargs)
        self.supports_masking = True  # not set by Keras

    def call(self, x: Tensor) -> Tensor:
        """Normalizes the inputs."""
        x = floating(x, self.compute_dtype)
        tensor = tf.convert_to_tensor(x)
        if not is_last(self.axis, tensor):
            return super().call(x)
        return ops.rms_norm(tensor, self.scale, epsilon=self.epsilon)
