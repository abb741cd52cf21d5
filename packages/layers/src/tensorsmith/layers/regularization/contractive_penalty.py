"""The penalty of contractive autoencoders."""

from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class ContractivePenalty(keras.layers.Wrapper):
    """A layer, or a block of them, that is penalized where its outputs vary much when its inputs vary little.

    Around the encoder of an autoencoder it makes a contractive one, whose codings keep to the directions in which the
    data vary. The penalty joins the losses of the model, in evaluation as in training, as those of regularizers do.

    Formula, averaged over the batch, with the outputs h of an example and its inputs x:

        penalty = weight Σ (dh[j] / dx[i])²

    The slopes cost as many backward passes as there are outputs, which run together: wrap what has few. Of layers in
    which examples depend on each other, as in batch normalization, it has only how each depends on itself.

    Set `TF_ENABLE_ONEDNN_OPTS=0` with TensorFlow 2.18 to 2.20: there oneDNN's batched matrix product, which the
    Jacobian needs, can crash the process.

    Around recurrent layers, and models with them, XLA is turned off, as it cannot compile the slopes of loops.

    Source: Rifai et al., "Contractive Auto-Encoders: Explicit Invariance During Feature Extraction", 2011.

    Args:
        layer: A layer or a model of one input and one output, each of floating type.
        weight: Factor of the penalty, 0 or more.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: That of the layer. Slopes are squared in float32 for half types.

    Input shape:
        That of the layer.

    Output shape:
        That of the layer.

    Raises:
        ValueError: `layer` is no Keras layer, or `weight` is no number of 0 or more.

    Example:
        >>> import keras
        >>> encoder = ContractivePenalty(keras.layers.Dense(30, "sigmoid"), weight=0.1)
        >>> model = keras.Sequential([keras.Input((784,)), encoder, keras.layers.Dense(784, "sigmoid")])
        >>> model.compile("adam", "binary_crossentropy")
        >>> linear = ContractivePenalty(keras.layers.Dense(1, kernel_initializer="ones"), weight=1.0)
        >>> y = linear(keras.ops.zeros((5, 3)))
        >>> print(linear.losses[0].numpy())  # three slopes of 1
        3.0
    """

    def __init__(self, layer: keras.Layer, weight: float = 0.1, **kwargs: Any):
        check(isinstance(layer, keras.layers.Layer), "layer", layer, "a Keras layer")
        check(is_number(weight) and weight >= 0, "weight", weight, "a number of 0 or more")
        weight = plain(weight)
        super().__init__(layer, **kwargs)
        self.supports_masking = layer.supports_masking
        self.supports_jit = not _loops(layer)  # XLA has no slopes of several outputs through a loop
        self.weight = weight

    def call(self, inputs: Tensor) -> Tensor:
        """Calls the layer, and adds the penalty."""
        x = floating(inputs, self.compute_dtype)
        with tf.GradientTape(watch_accessed_variables=False) as tape:  # keras.ops has no gradients
            tape.watch(x)
            y = self.layer(x)

        def squares() -> Any:
            slopes = tape.batch_jacobian(y, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            wide = tf.cast(slopes, keras.backend.result_type(slopes.dtype, "float32"))
            return tf.reduce_sum(tf.square(wide)) / tf.cast(tf.shape(x)[0], wide.dtype)

        def nothing() -> Any:
            return tf.zeros((), keras.backend.result_type(x.dtype, "float32"))

        # An empty batch, as a replica may get at the end of the data, has no slopes to take.
        count = x.shape[0]
        penalty = tf.cond(tf.shape(x)[0] > 0, squares, nothing) if count is None else (squares if count else nothing)()
        self.add_loss(self.weight * penalty)
        return y

    def compute_mask(self, *args: Any, **kwargs: Any) -> Tensor | None:
        """That of the layer."""
        return self.layer.compute_mask(*args, **kwargs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the layer."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "weight": self.weight}


def _loops(layer: keras.Layer) -> bool:
    """Whether it is a recurrent layer, or a model with one."""
    recurrent = isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional)
    return recurrent or any(_loops(inner) for inner in getattr(layer, "layers", []))
