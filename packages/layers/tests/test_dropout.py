"""Tests of `Dropout` against the layer of Keras, which drops the same elements."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.layers import Dropout, LayerNormalization
from tensorsmith.training import Trainer

X = np.random.default_rng(0).normal(size=(50, 4, 6)).astype("float32")


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("noise_shape", [None, (None, 1, 6)])
@pytest.mark.parametrize(("rate", "seed"), [(0.0, 3), (0.3, 3), (0.3, 2**32 - 1)])
def test_equals_keras(rate, seed, noise_shape, dtype):
    both = []
    for kind in (Dropout, keras.layers.Dropout):
        layer, x = kind(rate, noise_shape=noise_shape, seed=seed, dtype=dtype), tf.constant(X)
        call = tf.function(lambda x, layer=layer: layer(x, training=True))
        with tf.GradientTape() as tape:
            tape.watch(x)
            first, second, third = layer(x, training=True), layer(x, training=True), call(x)
        both.append([first, second, third, tape.gradient(third, x), layer(x)])
    for ours, theirs in zip(*both, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(*(tf.cast(each, tf.float64) for each in (ours, theirs)))


@pytest.mark.parametrize("train", ["fit", "Trainer"])
def test_training_equals_keras(train):
    losses = []
    for kind in (Dropout, keras.layers.Dropout):
        keras.utils.set_random_seed(0)
        block = [LayerNormalization(), kind(0.2), keras.layers.Dense(3, "relu"), kind(0.4), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input(X.shape[1:]), *block])
        if train == "fit":
            model.compile("adam", "mse")
            history = model.fit(X, X[..., :1], epochs=3, batch_size=16, verbose=0).history
        else:
            history = Trainer(model, "adam", "mse").fit(X, X[..., :1], epochs=3, batch_size=16, verbose=False).history
        losses.append(history["loss"])
    assert losses[0] == losses[1]
