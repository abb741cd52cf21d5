"""A dense layer with tied weights."""

from typing import Any

import keras

from tensorsmith.core import check, export
from tensorsmith.core.types import Activation, Initializer, Shape, Tensor


@export
class DenseTranspose(keras.layers.Layer):
    """A dense layer that computes with the transposed kernel of another one, and has only a bias of its own.

    In an autoencoder whose decoder mirrors its encoder, ties halve the weights. The kernel is the other layer's, and is
    trained through both. They stay tied when one model with the two is saved and loaded, and in copies by
    `convert_layers`; `keras.models.clone_model` unties them. Saved without the dense layer, this layer takes it along.

    Where the two are in different models within a model, Keras does not notice in its files that a layer is shared, and
    refuses to load them. Make one functional model of all layers, and encoder and decoder from its tensors; or make the
    model by code, and use `save_weights` and `load_weights`.

    Formula, with the kernel W of the dense layer:

        y = activation(x Wᵀ + bias)

    Source: Vincent et al., "Stacked Denoising Autoencoders", 2010.

    Args:
        dense: The `keras.layers.Dense` whose kernel to use; it must be called, or built, before this layer.
        activation: Activation; none if None.
        bias_initializer: Initializer of the bias.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        `(batch, ..., units)`, with the units of the dense layer.

    Output shape:
        `(batch, ..., features)`, with the features that the dense layer takes.

    Raises:
        ValueError: `dense` is no dense layer, is not built when this layer is, or has other units than the inputs.

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
        check(isinstance(dense, keras.layers.Dense), "dense", dense, "a keras.layers.Dense")
        super().__init__(**kwargs)
        self.supports_masking = True
        self.dense = dense
        self.activation = keras.activations.get(activation)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape: Shape) -> None:
        """Makes the bias."""
        check(self.dense.built, "dense", self.dense, "a layer that is built", "call the dense layer before this one")
        units = self.dense.units
        check(input_shape[-1] == units, "inputs", tuple(input_shape), f"the {units} units of the dense layer")
        self.bias = self.add_weight((self.dense.kernel.shape[0],), self.bias_initializer, name="bias")

    def call(self, inputs: Tensor) -> Tensor:
        """Multiplies by the transposed kernel."""
        kernel = keras.ops.cast(self.dense.kernel, self.compute_dtype)
        return self.activation(keras.ops.matmul(inputs, keras.ops.transpose(kernel)) + self.bias)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs, with the features that the dense layer takes."""
        return (*input_shape[:-1], self.dense.kernel.shape[0])

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "dense": keras.layers.serialize(self.dense),
            "activation": keras.activations.serialize(self.activation),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer with the given arguments, the dense layer serialized or not."""
        dense = config["dense"]
        return cls(**{**config, "dense": keras.layers.deserialize(dense) if isinstance(dense, dict) else dense})
