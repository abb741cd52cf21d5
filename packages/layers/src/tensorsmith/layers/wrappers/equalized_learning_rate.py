"""Wrapper that equalizes the effective learning rates of layers."""

import math
from typing import Any

import keras

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.types import NestedTensors, Shapes, Tensor
from tensorsmith.layers._support.floating import floating

# The axis of the kernel that corresponds to the output channels.
OUTPUTS = {
    keras.layers.Dense: -1,
    keras.layers.Conv1D: -1,
    keras.layers.Conv2D: -1,
    keras.layers.Conv3D: -1,
    keras.layers.Conv1DTranspose: -2,
    keras.layers.Conv2DTranspose: -2,
    keras.layers.Conv3DTranspose: -2,
}


@export
class EqualizedLearningRate(keras.layers.Wrapper):
    """Wrapper that scales kernels at runtime, so that Adam updates all kernels at the same relative rate.

    The kernel is initialized from N(0, 1), and scaled at runtime instead of at initialization. Optimizers that
    normalize by the magnitude of gradients, such as Adam, then update all kernels at the same relative rate.

    Formula, with fan_in the number of inputs of an output unit:

        kernel = gain / sqrt(fan_in) v

    With a gain of sqrt(2), the scale is that of He initialization. The implementation of the authors uses 1 for layers
    without a subsequent ReLU. The kernel of the wrapped layer is v, and its initializer is replaced. Its bias is not
    affected.

    Source: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018.

    Args:
        layer: Keras layer that is not yet built: a dense layer, a convolution or a transposed convolution. Its kernel
            initializer is replaced, but the seed of the initializer is kept.
        gain: Positive float by which the scale of the kernel is multiplied.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Inputs of the wrapped layer.

    Input shape:
        Same as that of the wrapped layer.

    Output shape:
        Same as that of the wrapped layer.

    Raises:
        ValueError: If `layer` is of another class or already has weights, or `gain` is not positive.

    Example:
        >>> import keras
        >>> layer = EqualizedLearningRate(keras.layers.Dense(300))
        >>> y = layer(keras.random.normal((200, 100), seed=1))
        >>> print(layer.layer.kernel.numpy().std().round(1), y.numpy().std().round(1))  # 1, and the gain
        1.0 1.4
    """

    def __init__(self, layer: keras.Layer, gain: float = math.sqrt(2), **kwargs: Any):
        known = isinstance(layer, tuple(OUTPUTS))
        check(known, "layer", layer, "a dense layer, a convolution or a transposed convolution")
        initializer = layer.kernel_initializer
        # Keras builds the inner layer of a saved wrapper before it creates the wrapper.
        fits = not layer.built or (isinstance(initializer, keras.initializers.RandomNormal) and initializer.stddev == 1)
        check(fits, "layer", layer, "not be built", "wrap the layer before it is called")
        check(is_number(gain) and gain > 0, "gain", gain, "a positive number")
        gain = plain(gain)
        super().__init__(layer, **kwargs)
        self.supports_masking = layer.supports_masking
        self.gain = gain
        config = initializer.get_config() if isinstance(initializer, keras.initializers.Initializer) else {}
        layer.kernel_initializer = keras.initializers.RandomNormal(0.0, 1.0, seed=config.get("seed"))

    def build(self, input_shape: Shapes | None = None) -> None:
        """Creates the weights of the wrapped layer."""
        super().build(input_shape)
        shape = self.layer.kernel.shape
        axis = next(axis for kind, axis in OUTPUTS.items() if isinstance(self.layer, kind))
        # fan_in is the size of the kernel divided by the number of output channels.
        self.scale = self.gain / math.sqrt(math.prod(shape) / shape[axis])

    def call(self, inputs: Tensor) -> Tensor:
        """Calls the wrapped layer.

        The layer is linear in its kernel, so that the scale is applied to the inputs.
        """
        inputs = floating(inputs, self.compute_dtype)
        return self.layer(inputs * self.scale)

    def compute_mask(self, *args: Any, **kwargs: Any) -> NestedTensors | None:
        """Returns the output mask of the wrapped layer."""
        return self.layer.compute_mask(*args, **kwargs)

    def compute_output_shape(self, input_shape: Shapes) -> Shapes:
        """Returns the output shape of the wrapped layer."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "gain": self.gain}
