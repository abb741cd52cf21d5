"""Quantization-aware training, with simulated quantization of kernels and layer inputs."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import Verbatim, check, export, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.fake_quantize import fake_quantize
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.with_kernel import WITH_KERNEL, output_axes
from tensorsmith.layers.conversion.convert_layers import convert_layers
from tensorsmith.layers.conversion.fake_quantization import FakeQuantization, check_quantization


@export
class QuantizationAware(keras.layers.Wrapper):
    """Wrapper for quantization-aware training, which quantizes the inputs and the kernel of a layer.

    The kernel of the layer is stored and trained in full precision; the gradient passes through the rounding unchanged.
    The range of the kernel is symmetric, [-m, m], with m its largest absolute value, so that 0 is represented exactly.
    The range of the inputs is that of `FakeQuantization`. Biases are not rounded.

    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", 2018.

    Args:
        layer: Layer to wrap: a `keras.layers.Dense`, `Conv1D`, `Conv2D`, `Conv3D`, `DepthwiseConv1D`,
            `DepthwiseConv2D`, `Conv1DTranspose`, `Conv2DTranspose` or `Conv3DTranspose`.
        num_bits: Number of bits of the quantized integers, between 2 and 16.
        per_channel: If `True`, each output channel of the kernel has its own quantization range.
        momentum: Momentum of the moving averages of the input range, in [0, 1).
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Inputs of the wrapped layer.
        training: If `True`, update the range of the inputs with the batch.

    Input shape:
        Same as that of the wrapped layer.

    Output shape:
        Same as that of the wrapped layer.

    Raises:
        ValueError: If `layer` is not of a supported class or has LoRA, `num_bits` is not an integer between 2 and 16,
            or `momentum` is not a number in [0, 1).

    Example:
        >>> import keras
        >>> dense = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(0.5))
        >>> layer = QuantizationAware(dense, num_bits=2)
        >>> print(layer(keras.ops.convert_to_tensor([[0.9], [3.0]]), training=True).numpy().ravel())
        [0.5 1.5]
    """

    def __init__(
        self, layer: keras.Layer, num_bits: int = 8, per_channel: bool = True, momentum: float = 0.99, **kwargs: Any
    ):
        kinds = ", ".join(kind.__name__ for kind in WITH_KERNEL)
        check(type(layer) in WITH_KERNEL, "layer", layer, f"an instance of one of the classes {kinds}")
        without = not getattr(layer, "lora_rank", None)
        check(without, "layer", layer, "not use LoRA", "merge the LoRA weights into the kernel first")
        check_quantization(num_bits, momentum)
        num_bits, momentum = plain((num_bits, momentum))
        super().__init__(layer, **kwargs)
        # Only the wrapped layer computes in half precision: the kernel is rounded once, from full precision.
        self.dtype_policy = keras.DTypePolicy(self.variable_dtype)
        self.supports_masking = layer.supports_masking
        self.num_bits = num_bits
        self.per_channel = per_channel
        self.momentum = momentum
        self.quantization = FakeQuantization(num_bits, momentum=momentum, dtype=self.dtype_policy)

    def build(self, input_shape: Shape | None = None) -> None:
        """Creates the weights of the wrapped layer and the range of its inputs."""
        self.quantization.build(input_shape)
        super().build(input_shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Calls the wrapped layer with quantized inputs and a quantized kernel."""
        inputs = floating(inputs, self.compute_dtype)
        inputs = self.quantization(inputs, training=training)
        kernel = ops.cast(self.quantized_kernel(), self.layer.compute_dtype)
        # The quantized kernel takes the place of the variable during the call. Losses are collected and added below.
        with keras.StatelessScope([(self.layer.kernel, kernel)], collect_losses=True) as scope:
            outputs = self.layer(inputs)
        for loss in scope.losses:
            self.add_loss(loss)
        return outputs

    def quantized_kernel(self) -> Tensor:
        """Returns the quantized kernel of the wrapped layer."""
        kernel = self.layer.kernel
        channels = output_axes(self.layer) if self.per_channel else []
        # The range covers all axes except those of the output channels, or the whole kernel.
        axes = [axis for axis in range(-len(kernel.shape), 0) if axis not in channels]
        size = ops.max(ops.abs(kernel), axis=axes, keepdims=True)
        rounded = fake_quantize(kernel, -size, size, self.num_bits, narrow_range=True)
        # Rounding may put the largest weights slightly outside of the range, where `fake_quantize` has no gradient.
        return kernel + ops.stop_gradient(rounded - kernel)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape of the wrapped layer."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {"num_bits": self.num_bits, "per_channel": self.per_channel, "momentum": self.momentum}
        return {**super().get_config(), **own}


def quantization_aware(model: keras.Model, num_bits: int = 8, per_channel: bool = True) -> keras.Model:
    """Returns a copy of a trained model for quantization-aware training.

    Layers of the classes that `QuantizationAware` supports are wrapped in it. All other layers, such as separable
    convolutions, recurrent layers and layers inside other layers, are copied unchanged.

    The weights are copied. Compile the copy and train it for a few epochs with a small learning rate. This also sets
    the ranges of the activations: until then, only kernels are rounded. Fold batch normalization beforehand with
    `fold_batch_normalization`, because the folded kernel is the one that will be quantized.

    Args:
        model: Built functional or Sequential model.
        num_bits: Number of bits of the quantized integers, between 2 and 16.
        per_channel: If `True`, each output channel of a kernel has its own quantization range.

    Returns:
        A copy of the model.

    Raises:
        ValueError: If `model` is not a built functional or Sequential model, has no supported layer, or has one with
            LoRA, or if `num_bits` is not an integer between 2 and 16.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> [type(layer).__name__ for layer in quantization_aware(model).layers]
        ['QuantizationAware']
    """
    count = 0

    def convert(layer: keras.Layer) -> keras.Layer | None:
        nonlocal count
        if type(layer) not in WITH_KERNEL:
            return layer
        count += 1
        inner = type(layer).from_config(layer.get_config())
        return QuantizationAware(inner, num_bits, per_channel, name=layer.name)

    copy = convert_layers(model, convert)
    check(count > 0, "model", Verbatim(f"{model.name!r}"), "contain dense layers or convolutions")
    return copy
