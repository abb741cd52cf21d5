"""Tests of `Dense` and `EinsumDense` against the layers of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import layers, ops
from tensorsmith.layers._support.dense_product import contracted_axes

RNG = np.random.default_rng(0)


@keras.saving.register_keras_serializable("keras_hub")
def gelu_approximate(x):
    """Return the activation that KerasHub registers under this name."""
    return keras.activations.gelu(x, approximate=True)


def outputs_and_gradients(layer, x):
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        total = tf.reduce_sum(tf.cast(y, "float32") ** 2)
    return [y, *tape.gradient(total, [x, *(weight.value for weight in layer.trainable_variables)])]


def assert_same(ours, theirs, x, tolerance=2e-5):
    theirs.build(x.shape)
    ours.build(x.shape)
    theirs.set_weights([RNG.normal(size=weight.shape) for weight in theirs.weights])
    ours.set_weights(theirs.get_weights())
    results = [outputs_and_gradients(layer, x) for layer in (ours, theirs)]
    for one, other in zip(*results, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        scale = max(1.0, float(np.abs(other).max()))
        np.testing.assert_allclose(
            tf.cast(one, "float32"), tf.cast(other, "float32"), rtol=tolerance, atol=tolerance * scale
        )


@pytest.mark.parametrize("activation", ["gelu", gelu_approximate, layers.activations.gelu, "relu", None])
@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5)])
@pytest.mark.parametrize("use_bias", [False, True])
def test_dense(activation, shape, use_bias):
    kwargs = {"units": 6, "activation": activation, "use_bias": use_bias}
    x = RNG.normal(size=shape).astype("float32")
    assert_same(layers.Dense(**kwargs), keras.layers.Dense(**kwargs), x)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16", "float64"])
def test_dense_dtypes(dtype):
    kwargs = {"units": 6, "activation": "gelu", "dtype": dtype}
    x = RNG.normal(size=(4, 5)).astype("float64" if dtype == "float64" else "float32")
    assert_same(layers.Dense(**kwargs), keras.layers.Dense(**kwargs), x, 1e-6 if dtype == "float64" else 0.04)


@pytest.mark.skipif(not ops.active(), reason="compiled kernels are off here")
def test_dense_uses_the_kernel():
    layer = layers.Dense(3, activation="gelu")
    graph = tf.function(layer).get_concrete_function(tf.TensorSpec((None, 5))).graph
    assert "TensorsmithGelu" in {node.type for node in graph.get_operations()}


@pytest.mark.parametrize(
    ("equation", "output_shape", "bias_axes", "shape", "contracted"),
    [
        ("abc,cde->abde", (None, 2, 3), "de", (4, 5, 6), 1),
        ("abcd,cde->abe", (None, 6), "e", (4, 5, 2, 3), 2),
        ("bqm,muh->bquh", (None, 2, 3), None, (4, 5, 6), 1),
        ("ab,bc->ac", 7, "c", (4, 5), 1),
        ("...x,xy->...y", 7, "y", (4, 5, 6), 1),
        ("abc,cde->abde", (None, 2, 3), "e", (4, 5, 6), None),  # the heads share the bias
        ("abc,dc->abd", (None, 7), "d", (4, 5, 6), None),  # transposed kernel
        ("abc,bcd->abd", (5, 7), None, (4, 5, 6), None),  # one product per step
        ("abc,cd->adb", (7, 5), None, (4, 5, 6), None),  # transposed output
    ],
)
def test_einsum_dense(equation, output_shape, bias_axes, shape, contracted):
    kwargs = {"equation": equation, "output_shape": output_shape, "bias_axes": bias_axes}
    ours = layers.EinsumDense(**kwargs, activation="tanh")
    assert_same(ours, keras.layers.EinsumDense(**kwargs, activation="tanh"), RNG.normal(size=shape).astype("float32"))
    assert contracted_axes(ours) == contracted


def test_einsum_dense_of_integers():
    layer = layers.EinsumDense("ab,bc->ac", 7, bias_axes="c")
    x = RNG.integers(-3, 4, (4, 5))
    np.testing.assert_array_equal(layer(x), layer(x.astype("float32")))


def test_lora():
    layer = layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", lora_rank=2)
    layer.build((None, 5, 6))
    layer.lora_kernel_b.assign(RNG.normal(size=layer.lora_kernel_b.shape))
    theirs = keras.layers.EinsumDense.from_config(layer.get_config())
    theirs.build((None, 5, 6))
    theirs.set_weights(layer.get_weights())
    x = RNG.normal(size=(4, 5, 6)).astype("float32")
    np.testing.assert_allclose(layer(x), theirs(x), rtol=1e-5, atol=1e-5)
