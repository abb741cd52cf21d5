"""Cross layer of Deep & Cross Networks, for feature interactions."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.fresh import fresh


@export
class PolynomialCrossing(keras.layers.Layer):
    """Cross layer of Deep & Cross Networks: multiplies features by the original inputs of the network.

    A stack of n layers represents products of up to n + 1 features. Formula, with W a full matrix, or the product U V
    of two low-rank matrices:

        y = x0 * (x W + diag_scale x) + bias + x

    Source: Wang et al., "Deep & Cross Network for Ad Click Predictions", 2017. The matrices are from "DCN V2", 2021.

    Args:
        projection_dim: Integer, the rank of the factorization W = U V, at most half the number of features. If `None`,
            W is a full matrix.
        diag_scale: Non-negative float added to the diagonal of the weight matrix W to stabilize training.
        use_bias: If `True`, the layer uses a bias vector.
        kernel_initializer: Initializer for the weight matrix W, or for its factors U and V.
        bias_initializer: Initializer for the bias vector.
        kernel_regularizer: Regularizer for the weight matrix W, or for its factors U and V.
        bias_regularizer: Regularizer for the bias vector.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Tuple `(x0, x)` of the original inputs of the network and the output of the preceding cross layer. For
            the first cross layer, pass `(x0, x0)`.

    Input shape:
        Two tensors of shape `(batch, features)`.

    Output shape:
        `(batch, features)`.

    Raises:
        ValueError: If `projection_dim` is not a positive integer or exceeds half the number of features, `diag_scale`
            is negative, or the number of inputs is not two.

    Example:
        >>> import keras
        >>> x = keras.ops.convert_to_tensor([[1.0, 2.0]])
        >>> print(PolynomialCrossing(kernel_initializer="identity")((x, x)).numpy())  # x * x + x
        [[2. 6.]]
    """

    def __init__(
        self,
        projection_dim: int | None = None,
        diag_scale: float = 0.0,
        use_bias: bool = True,
        kernel_initializer: Initializer = "truncated_normal",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer | None = None,
        bias_regularizer: Regularizer | None = None,
        **kwargs: Any,
    ):
        fits = projection_dim is None or (is_integer(projection_dim) and projection_dim > 0)
        check(fits, "projection_dim", projection_dim, "a positive integer or None")
        fits = is_number(diag_scale) and diag_scale >= 0
        check(fits, "diag_scale", diag_scale, "a non-negative number")
        projection_dim, diag_scale = plain((projection_dim, diag_scale))
        super().__init__(**kwargs)
        self.supports_masking = True
        self.projection_dim = projection_dim
        self.diag_scale = diag_scale
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Creates the weights of the layer."""
        fits = len(input_shape) == 2 and isinstance(input_shape[0], list | tuple)
        check(fits, "inputs", input_shape, "a pair of tensors, (x0, x)")
        features: Any = input_shape[1][-1]
        narrow = self.projection_dim
        check(features is not None, "inputs", input_shape, "have a known number of features")
        if narrow is None:
            shapes = {"kernel": (features, features)}
        else:
            fits = 2 * narrow <= features
            check(fits, "projection_dim", narrow, f"at most half the number of features ({features})")
            shapes = {"kernel_u": (features, narrow), "kernel_v": (narrow, features)}
        self.kernels = [
            self.add_weight(
                shape=shape, name=name, initializer=fresh(self.kernel_initializer), regularizer=self.kernel_regularizer
            )
            for name, shape in shapes.items()
        ]
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(features,), name="bias", initializer=self.bias_initializer, regularizer=self.bias_regularizer
            )

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Computes the feature crosses of x with the original inputs."""
        inputs = floating(inputs, self.compute_dtype)
        x0, x = inputs
        # x W, or (x U) V without forming the full matrix.
        product = x
        for kernel in self.kernels:
            product = keras.ops.matmul(product, kernel)
        y = x0 * (product + self.diag_scale * x) + x
        return y + self.bias if self.use_bias else y

    def compute_mask(self, inputs: Sequence[Tensor], previous_mask: Sequence[Tensor | None] | None) -> Tensor | None:
        """Returns the mask of the second input, x."""
        return None if previous_mask is None else previous_mask[1]

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Returns the output shape, which is the shape of the second input, x."""
        return input_shape[1]

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "projection_dim": self.projection_dim,
            "diag_scale": self.diag_scale,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
        }
        return {**super().get_config(), **own}
