"""Outputs and gradients of `MultiHeadAttention` for sequences of several lengths, compared with the layer of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import layers

FEATURES, OPTIONS = 16, {"num_heads": 2, "key_dim": 8}
LENGTHS = [16, *(pytest.param(length, marks=pytest.mark.slow) for length in (64, 256, 1024))]


def example(kind, length):
    """Returns query and value, and other arguments of the layer."""
    rng, keys = np.random.default_rng(length), length // 2 + 3 if kind == "cross" else length
    query, value = (rng.normal(size=(2, steps, FEATURES)).astype("float32") for steps in (length, keys))
    visible = np.arange(keys) < np.array([[keys // 3], [keys]])
    nothing = rng.random((2, length, keys)) < 0.5
    nothing[:, ::3] = False  # a third of the queries may not attend to any key
    call = {
        "self": {},
        "cross": {},
        "causal": {"use_causal_mask": True},
        "padding": {"value_mask": visible},
        "causal padding": {"value_mask": visible, "use_causal_mask": True},
        "hidden rows": {"attention_mask": nothing},
        "hidden keys": {"value_mask": visible & np.array([[True], [False]])},
    }[kind]
    return query, value if kind == "cross" else query, call


def with_same_weights(dtype="float32"):
    """Returns our layer, of a dtype, and the layer of Keras in float32."""
    layer = layers.MultiHeadAttention(**OPTIONS, dtype=dtype)
    reference = keras.layers.MultiHeadAttention(**OPTIONS)
    for each in (layer, reference):
        each.build(*[(2, None, FEATURES)] * 3)
    rng = np.random.default_rng(0)
    reference.set_weights([rng.normal(size=weight.shape) / 4 for weight in reference.weights])
    layer.set_weights(reference.get_weights())
    return layer, reference


def results(layer, query, value, call):
    """Returns the outputs, and the gradients of query, value and weights."""
    query, value = tf.convert_to_tensor(query), tf.convert_to_tensor(value)
    factors = tf.constant(np.random.default_rng(1).normal(size=query.shape).astype("float32"))
    weights = [weight.value for weight in layer.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch([query, value])
        output = tf.cast(layer(query, value, **call), tf.float32)
        loss = tf.reduce_sum(output * factors)
    return [output, *tape.gradient(loss, [query, value, *weights])]


def assert_close(found, expected, tolerance, weight_tolerance):
    """Tolerances are relative to the greatest value. Gradients of weights are sums over all steps."""
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        one, other = (np.asarray(each, "float32") for each in (one, other))
        assert one.shape == other.shape
        limit = (tolerance if number < 3 else weight_tolerance) * max(np.abs(other).max(), 1)
        np.testing.assert_allclose(one, other, atol=limit, rtol=0)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", ["self", "cross", "causal", "padding", "causal padding", "hidden rows", "hidden keys"])
def test_results_are_those_of_keras(kind, length):
    layer, reference = with_same_weights()
    query, value, call = example(kind, length)
    expected = results(reference, query, value, call)
    assert_close(results(layer, query, value, call), expected, 1e-5, 1e-4)
    graph = tf.function(lambda query, value: results(layer, query, value, call))
    assert_close(graph(query, value), expected, 1e-5, 1e-4)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", ["self", "causal", "causal padding"])
def test_bfloat16(kind, length):
    """Inputs, projections, attention and outputs are each rounded, by up to 2^-9 of a value."""
    layer, reference = with_same_weights("mixed_bfloat16")
    query, value, call = example(kind, length)
    expected = results(reference, query, value, call)
    assert layer(query, value, **call).dtype == tf.bfloat16
    graph = tf.function(lambda query, value: results(layer, query, value, call))
    for found in (results(layer, query, value, call), graph(query, value)):
        assert_close(found, expected, 12 * 2**-9, 24 * 2**-9)


def test_bias_gradients_in_bfloat16():
    """The sum over many steps is not rounded to bfloat16 after each of them, which would lose most of it."""
    layer, _ = with_same_weights("mixed_bfloat16")
    x = np.zeros((2, 20_000, FEATURES), "float32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.cast(layer(x, x[:, :1]), tf.float32))
    gradient = tape.gradient(loss, layer.output_dense.bias.value)
    np.testing.assert_allclose(gradient, np.full(FEATURES, 40_000), rtol=2**-8)
