"""Quantization-aware training."""

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
    """A layer that computes with inputs and a kernel rounded as they will be as integers, so that it learns to.

    The layer keeps its kernel in full precision, and trains it: gradients pass straight through the rounding. The
    kernel's range is symmetric, [-m, m] with m the largest size in it, so that 0 stays 0; the inputs' range is that of
    `FakeQuantization`. Biases are not rounded.

    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", 2018.

    Args:
        layer: A `keras.layers.Dense`, `Conv1D`, `Conv2D`, `Conv3D`, `DepthwiseConv1D`, `DepthwiseConv2D`,
            `Conv1DTranspose`, `Conv2DTranspose` or `Conv3DTranspose`.
        num_bits: Bits of the integers, 2 to 16.
        per_channel: Whether each output channel of the kernel has a range of its own.
        momentum: What the moving averages of the inputs' range keep of themselves at each batch, in [0, 1).
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Those of the layer.
        training: Whether to take the batch into the range of the inputs.

    Input shape:
        That of the layer.

    Output shape:
        That of the layer.

    Raises:
        ValueError: `layer` is of none of these kinds or has LoRA, `num_bits` is no integer of 2 to 16, or `momentum` is
            no number in [0, 1).

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
        check(type(layer) in WITH_KERNEL, "layer", layer, f"one of the kinds {kinds}")
        without = not getattr(layer, "lora_rank", None)
        check(without, "layer", layer, "a layer without LoRA", "merge it into the kernel before")
        check_quantization(num_bits, momentum)
        num_bits, momentum = plain((num_bits, momentum))
        super().__init__(layer, **kwargs)
        # Only the layer itself computes in half types: the kernel is rounded once, from full precision.
        self.dtype_policy = keras.DTypePolicy(self.variable_dtype)
        self.supports_masking = layer.supports_masking
        self.num_bits = num_bits
        self.per_channel = per_channel
        self.momentum = momentum
        self.quantization = FakeQuantization(num_bits, momentum=momentum, dtype=self.dtype_policy)

    def build(self, input_shape: Shape | None = None) -> None:
        """Makes the layer's weights and the range of its inputs."""
        self.quantization.build(input_shape)
        super().build(input_shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Calls the layer with rounded inputs and a rounded kernel."""
        inputs = floating(inputs, self.compute_dtype)
        inputs = self.quantization(inputs, training=training)
        kernel = ops.cast(self.quantized_kernel(), self.layer.compute_dtype)
        with keras.StatelessScope([(self.layer.kernel, kernel)], collect_losses=True) as scope:
            outputs = self.layer(inputs)
        for loss in scope.losses:
            self.add_loss(loss)
        return outputs

    def quantized_kernel(self) -> Tensor:
        """The kernel that the layer computes with."""
        kernel = self.layer.kernel
        channels = output_axes(self.layer) if self.per_channel else []
        axes = [axis for axis in range(-len(kernel.shape), 0) if axis not in channels]
        size = ops.max(ops.abs(kernel), axis=axes, keepdims=True)
        rounded = fake_quantize(kernel, -size, size, self.num_bits, narrow_range=True)
        # All weights are in the range, but for rounding, which must not keep the largest from their gradient.
        return kernel + ops.stop_gradient(rounded - kernel)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the layer."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {"num_bits": self.num_bits, "per_channel": self.per_channel, "momentum": self.momentum}
        return {**super().get_config(), **own}


def quantization_aware(model: keras.Model, num_bits: int = 8, per_channel: bool = True) -> keras.Model:
    """A copy of a trained model whose dense layers and convolutions are `QuantizationAware`, to be trained a bit more.

    These are layers of the kinds that `QuantizationAware` takes. All others, such as separable convolutions, recurrent
    layers and layers within other layers, stay as they are.

    The weights are copied. Compile the copy, and train it for a few epochs at a small learning rate; that also sets the
    ranges of activations, without which only kernels are rounded. Fold batch normalization before, with
    `fold_batch_normalization`: what will run as integers is the folded kernel.

    Args:
        model: A functional or Sequential model.
        num_bits: Bits of the integers, 2 to 16.
        per_channel: Whether each output channel of a kernel has a range of its own.

    Returns:
        The copy.

    Raises:
        ValueError: `model` is no such model or has no such layer, one of them has LoRA, or `num_bits` is no integer of
            2 to 16.

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
    check(count > 0, "model", Verbatim(f"{model.name!r}"), "a model with dense layers or convolutions")
    return copy
