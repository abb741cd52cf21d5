"""Dense layers over several axes as products of two matrices."""

import math

import keras
import tensorflow as tf

from tensorsmith.core.types import Tensor


def project(layer: keras.layers.EinsumDense, inputs: Tensor) -> Tensor:
    """Returns the outputs of a layer inside another layer, computed as one matrix product where possible."""
    count = contracted_axes(layer)
    # With quantization or an activity regularizer, a layer does more than compute the product.
    if count is None or layer.quantization_mode is not None or layer.activity_regularizer is not None:
        return layer(inputs)
    return dense_product(layer, inputs, count)


def dense_product(layer: keras.layers.EinsumDense, inputs: Tensor, count: int) -> Tensor:
    """Returns the outputs of a layer, computed as the product of two matrices.

    TensorFlow computes the gradient of the kernel of an einsum over a batch as the sum of one product per example.

    Args:
        layer: Layer that contracts the last axes of its inputs.
        inputs: Inputs of the layer.
        count: Number of axes that are contracted, as returned by `contracted_axes`.
    """
    inputs = tf.cast(inputs, layer.compute_dtype)  # integers are cast, too
    kernel = tf.cast(layer.kernel, inputs.dtype)
    rows, columns = math.prod(kernel.shape[:count]), math.prod(kernel.shape[count:])
    product = tf.reshape(inputs, [-1, rows]) @ tf.reshape(kernel, [rows, columns])
    if layer.bias is not None:
        bias = tf.reshape(tf.cast(layer.bias, inputs.dtype), [columns])
        # The gradient of `bias_add` is a sum that is rounded to bfloat16 after each row.
        product = product + bias if inputs.dtype == tf.bfloat16 else tf.nn.bias_add(product, bias)
    sizes = tf.shape(inputs)
    free = [sizes[axis] if size is None else size for axis, size in enumerate(inputs.shape[:-count])]
    output = tf.reshape(product, [*free, *kernel.shape[count:]])
    return output if layer.activation is None else layer.activation(output)


def contracted_axes(layer: keras.layers.EinsumDense) -> int | None:
    """Returns the number of axes that a layer contracts if it computes one matrix product, and `None` otherwise.

    The last axes of the inputs must be the first axes of the kernel, in the same order. The bias must have all other
    axes of the kernel.
    """
    operands, _, output = layer.equation.replace(" ", "").partition("->")
    inputs, _, kernel = operands.partition(",")
    for count in range(1, min(len(inputs), len(kernel))):
        free, new = inputs[:-count], kernel[count:]
        product = inputs[-count:] == kernel[:count] and output == free + new and not set(free) & set(kernel)
        if product and (layer.bias is None or layer.bias_axes == new):
            return count
    return None
