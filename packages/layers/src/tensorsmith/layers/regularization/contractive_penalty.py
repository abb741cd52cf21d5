"""Wrapper that adds the Jacobian penalty of contractive autoencoders to a layer."""

from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class ContractivePenalty(keras.layers.Wrapper):
    """Wrapper that penalizes the squared norm of the Jacobian of a layer, as in contractive autoencoders.

    Around the encoder of an autoencoder, it makes the codes insensitive to directions in which the data do not vary.
    The penalty is added to the losses of the model in training and evaluation, like the losses of regularizers.
    Formula, averaged over the batch, with the outputs h and the inputs x of an example:

        penalty = weight Σ (dh[j] / dx[i])²

    Computing the Jacobian takes as many backward passes, run in parallel, as there are outputs: wrap layers with few
    outputs. If the layer makes examples depend on each other, as batch normalization does, only the derivatives within
    each example are included.

    With TensorFlow 2.18 to 2.20, set `TF_ENABLE_ONEDNN_OPTS=0`: in these versions, the batched matrix product of
    oneDNN, which the Jacobian uses, can crash the process.

    XLA is disabled, because it computes the Jacobian of a dense layer hundreds of times more slowly, and cannot compile
    that of recurrent layers.

    Source: Rifai et al., "Contractive Auto-Encoders: Explicit Invariance During Feature Extraction", 2011.

    Args:
        layer: Layer or model with one floating-point input and one floating-point output.
        weight: Non-negative factor by which the penalty is multiplied.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input of the wrapped layer. The squared Jacobian is computed in float32 for half-precision inputs.

    Input shape:
        Same as that of the wrapped layer.

    Output shape:
        Same as that of the wrapped layer.

    Raises:
        ValueError: If `layer` is not a Keras layer, or `weight` is not a non-negative number.

    Example:
        >>> import keras
        >>> encoder = ContractivePenalty(keras.layers.Dense(30, "sigmoid"), weight=0.1)
        >>> model = keras.Sequential([keras.Input((784,)), encoder, keras.layers.Dense(784, "sigmoid")])
        >>> model.compile("adam", "binary_crossentropy")
        >>> linear = ContractivePenalty(keras.layers.Dense(1, kernel_initializer="ones"), weight=1.0)
        >>> y = linear(keras.ops.zeros((5, 3)))
        >>> print(linear.losses[0].numpy())  # three derivatives of 1
        3.0
    """

    def __init__(self, layer: keras.Layer, weight: float = 0.1, **kwargs: Any):
        check(isinstance(layer, keras.layers.Layer), "layer", layer, "a Keras layer")
        check(is_number(weight) and weight >= 0, "weight", weight, "a non-negative number")
        weight = plain(weight)
        super().__init__(layer, **kwargs)
        self.supports_masking = layer.supports_masking
        self.supports_jit = False  # with XLA on CPUs, the Jacobian takes hundreds of times longer
        self.weight = weight

    def call(self, inputs: Tensor) -> Tensor:
        """Calls the wrapped layer and adds the penalty."""
        x = floating(inputs, self.compute_dtype)
        with tf.GradientTape(watch_accessed_variables=False) as tape:  # `keras.ops` has no gradients
            tape.watch(x)
            y = self.layer(x)

        def squares() -> Any:
            # Derivatives within each example: (batch, *outputs, *inputs).
            slopes = tape.batch_jacobian(y, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            wide = tf.cast(slopes, keras.backend.result_type(slopes.dtype, "float32"))
            return tf.reduce_sum(tf.square(wide)) / tf.cast(tf.shape(x)[0], wide.dtype)

        def nothing() -> Any:
            return tf.zeros((), keras.backend.result_type(x.dtype, "float32"))

        # The penalty of an empty batch, which a replica may receive at the end of the data, is zero.
        count = x.shape[0]
        penalty = tf.cond(tf.shape(x)[0] > 0, squares, nothing) if count is None else (squares if count else nothing)()
        self.add_loss(self.weight * penalty)
        return y

    def compute_mask(self, *args: Any, **kwargs: Any) -> Tensor | None:
        """Returns the output mask of the wrapped layer."""
        return self.layer.compute_mask(*args, **kwargs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape of the wrapped layer."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "weight": self.weight}
