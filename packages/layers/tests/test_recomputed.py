"""Tests of `Recomputed` against the same layers without it, and of the memory that the traced graph retains."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.core import ArgumentError
from tensorsmith.layers import Recomputed
from tensorsmith.training import Trainer

HERE = Path(__file__).parent
X = np.random.default_rng(0).normal(size=(16, 6, 8)).astype("float32")


def block(rate=0.3):
    """Returns a block with attention, two normalizations, dropout, and losses of activations and weights."""
    inputs = keras.Input((6, 8))
    x = keras.layers.LayerNormalization()(inputs)
    x = keras.layers.Add()([inputs, keras.layers.MultiHeadAttention(2, 4, dropout=rate)(x, x)])
    x = keras.layers.Dense(12, "gelu", activity_regularizer="l2", kernel_regularizer="l2")(x)
    return keras.Model(inputs, keras.layers.Dense(8)(keras.layers.Dropout(rate)(keras.layers.BatchNormalization()(x))))


def stack(wrap, blocks=2):
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input((6, 8))
    for _ in range(blocks):
        x = wrap(block())(x)
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def plain(layer):
    return layer


def gradients(model, x, training):
    """Returns the loss, its gradients with respect to inputs and weights, and the updated state."""
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_mean(model(x, training=training) ** 2) + sum(model.losses)
    found = tape.gradient(loss, [x, *(variable.value for variable in model.trainable_variables)])
    return [loss, *map(tf.convert_to_tensor, found), *(tf.identity(variable.value) for variable in model.variables)]


@pytest.mark.slow  # takes seconds
@pytest.mark.parametrize(("how", "training"), [("eager", True), ("graph", True), ("graph", False), ("jit", True)])
def test_matches_wrapped_layer(how, training):
    both = []
    for wrap in (plain, Recomputed):
        model = stack(wrap, blocks=1 if how == "jit" else 2)
        step = gradients if how == "eager" else tf.function(gradients, jit_compile=how == "jit", autograph=False)
        step(model, X, training)
        both.append(step(model, X, training))  # in the second step, seeds and statistics have changed
    for expected, found in zip(*both, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_number_of_forward_passes():
    class Counted(keras.layers.Layer):
        runs = 0

        def call(self, inputs):
            self.runs += 1
            return inputs**2

    counted = Counted()
    layer, x = Recomputed(counted), tf.constant([3.0])
    layer(x)
    counted.runs = 0
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    assert counted.runs == 1
    assert tape.gradient(y, x).numpy() == 6.0
    assert counted.runs == 2


def kept_for_the_gradient(model):
    """Returns the bytes of the forward activations that the backward pass reads."""
    forward = set()

    @tf.function(autograph=False)
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(x, training=True) ** 2)
        forward.update(operation.name for operation in loss.graph.get_operations())
        return tape.gradient(loss, [variable.value for variable in model.trainable_variables])

    operations = step.get_concrete_function(tf.TensorSpec(X.shape)).graph.get_operations()
    read = {each.name: each for one in operations if one.name not in forward for each in one.inputs}
    kept = [each for each in read.values() if each.op.name in forward and each.shape[:1] == len(X)]
    return sum(each.shape.num_elements() * each.dtype.size for each in kept)


@pytest.mark.slow
def test_retained_activations():
    few, many = (kept_for_the_gradient(stack(Recomputed, blocks)) for blocks in (1, 3))
    inputs_of_a_block = X.nbytes
    assert many - few <= 2 * 2 * inputs_of_a_block
    few, many = (kept_for_the_gradient(stack(plain, blocks)) for blocks in (1, 3))
    assert many - few > 2 * 10 * inputs_of_a_block


@pytest.mark.slow
def test_peak_memory_is_reduced():
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # a process with several threads must not be forked
    command = [sys.executable, HERE / "recomputed_memory.py", "--blocks", "4"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    peaks = {(recomputed, jit): int(peak) for recomputed, jit, peak in map(str.split, said.splitlines())}
    for jit in "01":
        assert peaks["1", jit] < 0.85 * peaks["0", jit]


@pytest.mark.slow
def test_training_with_trainer():
    weights = []
    for wrap in (plain, Recomputed):
        model = stack(wrap, blocks=1)
        trainer = Trainer(model, keras.optimizers.SGD(0.1), "mean_squared_error", jit=False)
        trainer.fit(X, X[..., :1], epochs=2, batch_size=6, seed=1, verbose=False)
        weights.append(model.get_weights())
    for expected, found in zip(*weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_mask_propagation():
    words = np.array([[3, 1, 0, 0], [2, 0, 0, 0]])
    both = []
    for wrap in (plain, Recomputed):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((4,), dtype="int32")
        x = wrap(keras.layers.Embedding(5, 3, mask_zero=True))(inputs)  # creates a mask from integers
        x = wrap(keras.layers.LSTM(3, return_sequences=True))(x)  # uses the mask and passes it on
        model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x))
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(words) ** 2)
        found = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
        both.append([loss, *map(tf.convert_to_tensor, found)])
    for expected, found in zip(*both, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_nested_inputs_and_outputs():
    def halves():
        a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
        return keras.Model({"a": a, "b": b}, {"sum": a + b, "parts": [keras.layers.Dense(2)(a), b]})

    keras.utils.set_random_seed(1)
    layer = halves()
    inputs = {"a": tf.ones((2, 3)), "b": 2 * tf.ones((2, 3))}
    expected, found = layer(inputs), Recomputed(layer)(inputs)
    keras.tree.map_structure(np.testing.assert_array_equal, found, expected)


def test_nested_wrappers_and_hessian():
    keras.utils.set_random_seed(1)
    inner = keras.Sequential([keras.layers.Dense(4, "tanh"), Recomputed(keras.layers.Dense(4, "tanh"))])
    inner.build((None, 3))
    x = tf.constant([[0.1, -0.2, 0.3]])

    def hessian(layer):
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(layer(x) ** 2)
            slope = tape.gradient(loss, x)
        return outer.jacobian(slope, x, experimental_use_pfor=False)

    plain_inner = keras.Sequential([inner.layers[0], inner.layers[1].layer])
    np.testing.assert_allclose(hessian(Recomputed(inner)), hessian(plain_inner), rtol=1e-5, atol=1e-7)


def test_half_precision_statistics():
    keras.utils.set_random_seed(1)
    norm = keras.layers.BatchNormalization(dtype="mixed_float16")
    layer = Recomputed(norm)
    assert layer(X, training=True).dtype == tf.float16
    expected = 0.01 * X.astype("float64").mean((0, 1))
    np.testing.assert_allclose(norm.moving_mean, expected, atol=1e-5)


def test_frozen_weights_have_no_gradient():
    layer = Recomputed(keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(2)]))
    layer.build((None, 3))
    layer.layer.layers[0].trainable = False
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(tf.ones((1, 3))))
    first, second = layer.layer.layers
    assert tape.gradient(loss, [first.kernel.value, second.bias.value])[0] is None


def test_global_seed_is_rejected():
    class Noise(keras.layers.Layer):
        def call(self, inputs):
            return inputs + keras.random.normal(keras.ops.shape(inputs))

    with pytest.raises(ArgumentError, match="SeedGenerator"):
        Recomputed(Noise(name="noise"))(tf.ones((1, 3)))


def test_saving(tmp_path):
    model = stack(Recomputed)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.layers[1], Recomputed)
    np.testing.assert_array_equal(loaded(X), model(X))
