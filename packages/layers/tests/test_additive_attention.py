"""Tests of `AdditiveAttention` against the layer of Keras, with gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import layers, ops

RNG = np.random.default_rng(0)
QUERY, VALUE, KEY = (RNG.normal(size=(3, *shape)).astype("float32") for shape in ((5, 6), (7, 4), (7, 6)))
KEYS_SEEN = np.array([[1] * 7, [1, 1, 1, 0, 0, 0, 0], [0] * 7], bool)
QUERIES_SEEN = np.array([[1] * 5, [1, 1, 0, 0, 0], [1, 1, 1, 1, 0]], bool)
EITHER_MODE = pytest.mark.parametrize("execute", [lambda function: function, tf.function], ids=["eager", "graph"])


def pair(**kwargs):
    """Returns our layer and the layer of Keras with the same weights."""
    found = layers.AdditiveAttention(**kwargs), keras.layers.AdditiveAttention(**kwargs)
    for layer in found:
        layer.build([QUERY.shape, VALUE.shape, KEY.shape])
    found[0].set_weights(found[1].get_weights())
    return found


def operations(layer, inputs):
    specs = [tf.TensorSpec([None, *value.shape[1:]], value.dtype) for value in inputs]
    graph = tf.function(lambda *inputs: layer(list(inputs))).get_concrete_function(*specs).graph
    return {operation.type for operation in graph.get_operations()}


@EITHER_MODE
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", [None, [QUERIES_SEEN, KEYS_SEEN]], ids=["", "masked"])
@pytest.mark.parametrize("use_scale", [True, False])
def test_matches_keras(use_scale, mask, causal, execute):
    results = []
    for layer in pair(use_scale=use_scale):

        @execute
        def run(query, value, key, layer=layer):
            given = mask and [tf.constant(each) for each in mask]
            with tf.GradientTape() as tape:
                tape.watch([query, value, key])
                inputs = [query, value, key]
                outputs = layer(inputs, mask=given, use_causal_mask=causal, return_attention_scores=True)
                loss = tf.reduce_sum(outputs[0] ** 2)
            return *outputs, *tape.gradient(loss, [query, value, key, *layer.trainable_variables])

        results.append(run(*map(tf.constant, (QUERY, VALUE, KEY))))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16", "mixed_float16"])
def test_other_dtypes(dtype):
    ours, theirs = pair(dtype=dtype)
    np.testing.assert_array_equal(ours([QUERY, VALUE, KEY]), theirs([QUERY, VALUE, KEY]))


def test_one_query_for_all_examples():
    ours, theirs = pair()
    np.testing.assert_allclose(ours([QUERY[:1], VALUE, KEY]), theirs([QUERY[:1], VALUE, KEY]), rtol=1e-5, atol=1e-6)


def test_equal_dropout():
    results = [layer([QUERY, VALUE, KEY], training=True) for layer in pair(dropout=0.4, seed=3)]
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(not ops.active(), reason="compiled kernels are off here")
def test_hidden_layer_is_not_stored():
    assert "TensorsmithAdditiveScores" in operations(layers.AdditiveAttention(), [QUERY, VALUE, KEY])
    assert "Tanh" not in operations(layers.AdditiveAttention(), [QUERY, VALUE, KEY])
