"""Tests of batch normalization statistics against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import reestimate_batch_norm


def batches(x, size=16):
    return tf.data.Dataset.from_tensor_slices(x).batch(size)


def data(examples=70):
    return np.random.default_rng(3).normal(2.0, 3.0, size=(examples, 6, 4)).astype("float32")  # a short last batch


def normal(x):
    return (x - x.mean(axis=(0, 1))) / np.sqrt(x.var(axis=(0, 1)) + 1e-3)


def test_statistics_match_numpy():
    """Tests two layers. The inputs of the second use batch statistics in the first, as in training."""
    norms = [keras.layers.BatchNormalization() for _ in range(2)]
    layers = [keras.layers.Dense(3), norms[0], keras.layers.Dense(2), norms[1], keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((6, 4)), *layers])
    weights = [variable.numpy() for variable in model.trainable_variables]
    x = data()
    reestimate_batch_norm(model, tf.data.Dataset.zip(batches(x), batches(x[:, 0, 0])))
    (kernel, bias), (kernel_2, bias_2) = (layer.get_weights() for layer in layers[0:3:2])
    first = x.astype("float64") @ kernel + bias
    second = np.concatenate([normal(first[i : i + 16]) for i in range(0, len(x), 16)]) @ kernel_2 + bias_2
    for norm, seen in zip(norms, (first, second), strict=True):
        np.testing.assert_allclose(norm.moving_mean, seen.mean(axis=(0, 1)), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(norm.moving_variance, seen.var(axis=(0, 1)), rtol=1e-4)
        assert norm.momentum == 0.99
    for variable, value in zip(model.trainable_variables, weights, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_other_state_is_unchanged():
    """Tests that frozen layers, seeds and the subsequent training are not affected."""
    frozen, dropout = keras.layers.BatchNormalization(), keras.layers.Dropout(0.5, seed=1)
    norm = keras.layers.BatchNormalization()
    model = keras.Sequential([keras.Input((6, 4)), frozen, dropout, norm])
    frozen.trainable = False
    seeds = [variable for variable in model.non_trainable_variables if "seed" in variable.path]
    before = [np.array(variable) for variable in [*seeds, *frozen.variables]]
    reestimate_batch_norm(model, [(data(),)])
    for variable, value in zip([*seeds, *frozen.variables], before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert np.abs(norm.moving_mean).max() > 1
    mean = np.array(norm.moving_mean)
    model(np.zeros((8, 6, 4), "float32"), training=True)
    np.testing.assert_allclose(norm.moving_mean, 0.99 * mean, rtol=1e-5)


def test_failure_preserves_statistics():
    norm = keras.layers.BatchNormalization()
    model = keras.Sequential([keras.Input((6, 4)), norm])
    for dataset, expected in (
        ([], raises_argument_error("dataset", received="an empty dataset", expected="contain at least one batch")),
        ([data(), np.zeros((2, 3), "float32")], pytest.raises(ValueError, match="shape")),
    ):
        with expected:
            reestimate_batch_norm(model, dataset)
        np.testing.assert_array_equal(norm.moving_mean, np.zeros(4))
        assert norm.momentum == 0.99
    renorm = keras.layers.BatchNormalization(renorm=True)
    with raises_argument_error("model", expected="not contain layers with batch renormalization"):
        reestimate_batch_norm(keras.Sequential([keras.Input((6, 4)), renorm]), [data()])
