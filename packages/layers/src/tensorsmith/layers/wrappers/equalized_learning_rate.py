"""Equalized learning rate."""

import math
from typing import Any

import keras

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.types import NestedTensors, Shapes, Tensor
from tensorsmith.layers._support.floating import floating

# Which axis of the kernel is that of the outputs.
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
    """A layer whose kernel begins as N(0, 1) and is scaled whenever it is used, instead of once at the start.

    Optimizers that divide by the size of gradients, such as Adam, then move all kernels at the same pace, whatever
    their size. Formula, with fan_in the number of inputs that an output is a sum of:

        kernel = gain / sqrt(fan_in) v

    The gain of sqrt(2) makes it the scale of He's initialization; the paper's program has 1 where no ReLU follows.

    The wrapped layer's kernel is v, its initializer replaced; its bias stays as it is.

    Source: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018.

    Args:
        layer: A new Keras layer: dense, a convolution or a transposed one. A seed of its kernel's initializer is kept.
        gain: What the scale is multiplied by, above 0.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Those of the layer.

    Input shape:
        That of the layer.

    Output shape:
        That of the layer.

    Raises:
        ValueError: `layer` is of another kind or has its weights already, or `gain` is not above 0.

    Example:
        >>> import keras
        >>> layer = EqualizedLearningRate(keras.layers.Dense(300))
        >>> y = layer(keras.random.normal((200, 100), seed=1))
        >>> print(layer.layer.kernel.numpy().std().round(1), y.numpy().std().round(1))  # 1, and the gain
        1.0 1.4
    """

    def __init__(self, layer: keras.Layer, gain: float = math.sqrt(2), **kwargs: Any):
        known = isinstance(layer, tuple(OUTPUTS))
        check(known, "layer", layer, "a Keras layer that is dense, a convolution or a transposed one")
        initializer = layer.kernel_initializer
        # Keras builds the layers of saved models before it wraps them.
        fits = not layer.built or (isinstance(initializer, keras.initializers.RandomNormal) and initializer.stddev == 1)
        check(fits, "layer", layer, "a layer without weights", "wrap it before it is called")
        check(is_number(gain) and gain > 0, "gain", gain, "a number above 0")
        gain = plain(gain)
        super().__init__(layer, **kwargs)
        self.supports_masking = layer.supports_masking
        self.gain = gain
        config = initializer.get_config() if isinstance(initializer, keras.initializers.Initializer) else {}
        layer.kernel_initializer = keras.initializers.RandomNormal(0.0, 1.0, seed=config.get("seed"))

    def build(self, input_shape: Shapes | None = None) -> None:
        """Makes the layer's weights."""
        super().build(input_shape)
        shape = self.layer.kernel.shape
        axis = next(axis for kind, axis in OUTPUTS.items() if isinstance(self.layer, kind))
        self.scale = self.gain / math.sqrt(math.prod(shape) / shape[axis])

    def call(self, inputs: Tensor) -> Tensor:
        """Calls the layer; as it is linear in its kernel, the scale can go to the inputs."""
        inputs = floating(inputs, self.compute_dtype)
        return self.layer(inputs * self.scale)

    def compute_mask(self, *args: Any, **kwargs: Any) -> NestedTensors | None:
        """That of the layer."""
        return self.layer.compute_mask(*args, **kwargs)

    def compute_output_shape(self, input_shape: Shapes) -> Shapes:
        """That of the layer."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "gain": self.gain}
