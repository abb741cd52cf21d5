"""Dense layer that shares the transposed kernel of another dense layer (tied weights)."""

from typing import Any

import keras

from tensorsmith.core import check, export
from tensorsmith.core.types import Activation, Initializer, Shape, Tensor


@export
class DenseTranspose(keras.layers.Layer):
    """Dense layer that uses the transposed kernel of another dense layer, for autoencoders with tied weights.

    In an autoencoder whose decoder mirrors its encoder, tied weights halve the number of parameters. The kernel belongs
    to the other layer and is trained through both, whereas the bias belongs to this layer. Kernels remain tied when a
    model that contains both layers is saved and loaded, and in copies made by `convert_layers`, but not in those of
    `keras.models.clone_model`. If this layer is saved without the dense layer, the dense layer is saved with it.

    If the two layers are in different nested models, Keras does not detect the shared layer in its file format and
    fails to load the file. In this case, make one functional model of all layers and derive encoder and decoder from
    its tensors, or create the model in code and use `save_weights` and `load_weights`.

    Formula, with the kernel W of the dense layer:

        y = activation(x Wᵀ + bias)

    Source: Vincent et al., "Stacked Denoising Autoencoders", 2010.

    Args:
        dense: Instance of `keras.layers.Dense` whose kernel is used. It must be built before this layer.
        activation: Activation function to use. If `None`, no activation is applied.
        bias_initializer: Initializer for the bias vector.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        `(batch, ..., units)`, with the units of the dense layer.

    Output shape:
        `(batch, ..., features)`, with the input features of the dense layer.

    Raises:
        ValueError: If `dense` is not a dense layer, is not built before this layer, or its units do not match the
            inputs.

    Example:
        >>> import keras
        >>> encoder = keras.layers.Dense(2, kernel_initializer="ones")
        >>> code = encoder(keras.ops.ones((1, 3)))
        >>> print(DenseTranspose(encoder)(code).numpy())
        [[6. 6. 6.]]
    """

    def __init__(
        self,
        dense: keras.layers.Dense,
        activation: Activation | None = None,
        bias_initializer: Initializer = "zeros",
        **kwargs: Any,
    ):
        check(isinstance(dense, keras.layers.Dense), "dense", dense, "a keras.layers.Dense layer")
        super().__init__(**kwargs)
        self.supports_masking = True
        self.dense = dense
        self.activation = keras.activations.get(activation)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape: Shape) -> None:
        """Creates the bias, the only weight of the layer itself."""
        check(self.dense.built, "dense", self.dense, "a built layer", "call the dense layer before this one")
        units = self.dense.units
        check(
            input_shape[-1] == units,
            "inputs",
            tuple(input_shape),
            f"have {units} features to match the units of the dense layer",
        )
        self.bias = self.add_weight((self.dense.kernel.shape[0],), self.bias_initializer, name="bias")

    def call(self, inputs: Tensor) -> Tensor:
        """Multiplies the inputs by the transposed kernel."""
        kernel = keras.ops.cast(self.dense.kernel, self.compute_dtype)
        # (..., units) x (units, features) gives (..., features).
        return self.activation(keras.ops.matmul(inputs, keras.ops.transpose(kernel)) + self.bias)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape: the input shape with as many features as the inputs of the other dense layer."""
        return (*input_shape[:-1], self.dense.kernel.shape[0])

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "dense": keras.layers.serialize(self.dense),
            "activation": keras.activations.serialize(self.activation),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Creates a layer from its config. The dense layer in the config may be an instance or its serialized form."""
        dense = config["dense"]
        return cls(**{**config, "dense": keras.layers.deserialize(dense) if isinstance(dense, dict) else dense})
