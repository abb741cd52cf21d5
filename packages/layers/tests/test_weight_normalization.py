"""Tests of `WeightNormalization`: the initialization in the first call, the wrapped layers, and saving."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.layers import LSTM, WeightNormalization
from tensorsmith.testing import Data, LayerRow, checks_for, raises_argument_error, run_check

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("inner", [lambda: keras.layers.Dense(4), lambda: keras.layers.Conv2D(4, 3, activation="relu")])
def test_without_data_init_outputs_are_unchanged(inner):
    x = RNG.normal(size=(5, 6, 6, 3)).astype("float32")
    inner = inner()
    expected = inner(x).numpy()
    layer = WeightNormalization(inner, data_init=False)
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)
    layer.g.assign(2 * layer.g)
    bias = inner.bias.numpy()
    if inner.activation is keras.activations.linear:
        np.testing.assert_allclose(layer(x) - bias, 2 * (expected - bias), atol=1e-5)
    assert layer.remove() is inner
    np.testing.assert_allclose(inner(x), layer(x), atol=1e-5)


@pytest.mark.parametrize(
    "kind", [lambda: keras.layers.Dense(4, "tanh"), lambda: keras.layers.Conv1D(4, 2, activation="tanh")]
)
def test_data_init_of_paper(kind):
    """Section 3: before the activation, the outputs have mean 0 and variance 1 for the first batch."""
    inner = kind()
    layer = WeightNormalization(inner, data_init="paper")
    x = (3 + 5 * RNG.normal(size=(50, 7, 3))).astype("float32")
    y = np.arctanh(np.asarray(layer(x, training=True), "float64").clip(-0.9999999, 0.9999999))
    assert inner.activation is keras.activations.tanh
    np.testing.assert_allclose(y.mean((0, 1)), 0, atol=0.01)
    np.testing.assert_allclose(y.std((0, 1)), 1, atol=0.01)
    assert bool(layer.initialized.value)
    before = layer.g.numpy()
    layer(2 * x, training=True)
    np.testing.assert_array_equal(layer.g, before)


@pytest.mark.parametrize("data_init", ["paper", True])
def test_data_init_in_inference(data_init):
    """With "paper", predictions change nothing, and the first training batch is used."""
    model = keras.Sequential([keras.Input((3,)), WeightNormalization(keras.layers.Dense(2), data_init)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    before = [weight.numpy() for weight in model.weights]
    x = (3 + 5 * RNG.normal(size=(60, 3))).astype("float32")
    first = model.predict(100 * x, verbose=0)
    changed = any((weight.numpy() != value).any() for weight, value in zip(model.weights, before, strict=True))
    assert changed == (data_init is True)
    if data_init == "paper":
        np.testing.assert_array_equal(model.predict(100 * x, verbose=0), first)
    model.fit(x, np.zeros((60, 2)), batch_size=60, verbose=0)
    y = model.predict(x, verbose=0)
    assert np.allclose([y.mean(0), y.std(0)], [[0, 0], [1, 1]], atol=1e-3) == (data_init == "paper")


def test_gradient_formulas():
    """Equation 3: with w = g v / |v|, dL/dg = dL/dw . v / |v|, dL/dv = g / |v| dL/dw - g dL/dg / |v|^2 v."""
    inner = keras.layers.Dense(1, use_bias=False)
    layer = WeightNormalization(inner, data_init=False)
    x = RNG.normal(size=(8, 3)).astype("float32")
    layer(x)
    layer.g.assign([1.7])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 2)
    dg, dv = tape.gradient(loss, [layer.g.value, layer.v.value])
    v, g = np.asarray(layer.v.numpy()[:, 0], "float64"), 1.7
    length = np.linalg.norm(v)
    dw = 2 * x.T @ (x @ (g * v / length))
    np.testing.assert_allclose(dg, [dw @ v / length], rtol=1e-4)
    np.testing.assert_allclose(dv[:, 0], g / length * dw - g * (dw @ v / length) / length**2 * v, rtol=1e-4)


@pytest.mark.parametrize("kind", [keras.layers.LSTM, keras.layers.GRU, LSTM])
@pytest.mark.parametrize("data_init", [True, False])
def test_recurrent_layers(kind, data_init):
    x = RNG.normal(size=(4, 5, 3)).astype("float32")
    inner = kind(2)
    expected = inner(x).numpy()
    layer = WeightNormalization(inner, data_init)
    if data_init:
        assert np.isfinite(layer(x)).all()
    else:
        np.testing.assert_allclose(layer(x), expected, atol=1e-5)
    assert layer.g.shape == inner.cell.recurrent_kernel.shape[-1:]


def test_training_and_saving(tmp_path):
    x = RNG.normal(size=(64, 6)).astype("float32")
    y = x[:, :1] ** 2
    model = keras.Sequential(
        [
            keras.Input((6,)),
            WeightNormalization(keras.layers.Dense(8, "relu", kernel_regularizer="l2", activity_regularizer="l2")),
            WeightNormalization(keras.layers.Dense(1), data_init=False),
        ]
    )
    model.compile("sgd", "mse", jit_compile=False)
    assert [tuple(weight.shape) for weight in model.layers[0].trainable_weights] == [(8,), (6, 8), (8,)]
    losses = model.fit(x, y, epochs=5, verbose=0, shuffle=False).history["loss"]
    assert losses[-1] < losses[0]
    model(x)
    assert len(model.losses) == 2  # kernel and activity regularizers
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)


def test_dropout_differs_between_calls():
    """The dropout in a recurrent layer draws a new mask in each call."""
    layer = WeightNormalization(keras.layers.LSTM(4, dropout=0.5, seed=1), data_init=False)
    x = np.ones((2, 5, 3), "float32")
    first, second = layer(x, training=True), layer(x, training=True)
    assert np.any(first != second)
    np.testing.assert_allclose(layer(x, training=False), layer(x))


def test_half_precision_does_not_round_weights():
    inner = keras.layers.Dense(3, dtype="mixed_float16")
    layer = WeightNormalization(inner, dtype="mixed_float16")
    x = RNG.normal(size=(20, 4)).astype("float32")
    layer(x)
    exact = np.array([1.00001, 2.00001, 3.00001], "float32")
    layer.g.assign(exact)
    inner.bias.assign(exact)
    assert layer(x).dtype == "float16"
    np.testing.assert_array_equal(layer.g, exact)
    np.testing.assert_array_equal(inner.bias, exact)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (keras.layers.Embedding(3, 2), (None, 4)),
        (keras.layers.Conv2DTranspose(2, 3), (None, 5, 5, 2)),
        (keras.layers.DepthwiseConv2D(3), (None, 5, 5, 2)),
    ],
)
def test_unsupported_layers(layer, shape):
    with raises_argument_error("layer", expected="a layer with a `kernel` whose last axis is the output axis"):
        WeightNormalization(layer).build(shape)


def test_degenerate_batches_do_not_initialize():
    """A single example has no variance, and an empty batch has no outputs."""
    first, then = (WeightNormalization(keras.layers.Dense(3, kernel_initializer="ones")) for _ in range(2))
    x = RNG.normal(size=(9, 4)).astype("float32")
    for useless in (np.ones((1, 4)), np.ones((5, 4)), np.zeros((0, 4))):
        assert np.isfinite(then(useless)).all()
        assert not bool(then.initialized.value)
    np.testing.assert_array_equal(then(x), first(x))
    assert bool(then.initialized.value)


def test_return_state():
    layer = WeightNormalization(keras.layers.LSTM(4, return_state=True))
    assert len(layer(RNG.normal(size=(6, 5, 3)).astype("float32"))) == 3


@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize("data_init", [False, True, "paper"])
def test_remove_before_initialization(data_init, called):
    """Equal examples do not initialize the layer. The removed layer computes the same as the wrapper."""
    layer = WeightNormalization(keras.layers.Dense(3, kernel_initializer="random_normal"), data_init=data_init)
    layer.build((None, 4))
    x = np.ones((5, 4), "float32")
    if called:
        layer(x)
    assert bool(layer.initialized.value) == (called and not data_init)
    copy = WeightNormalization.from_config(layer.get_config())
    copy.build((None, 4))
    copy.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer.remove()(x), copy(x), rtol=1e-6)


def beginning_with_data(layer=..., **options):
    """Returns a layer with the default of `data_init` around a new layer, unless `layer` is given."""
    return WeightNormalization(keras.layers.Dense(3) if layer is ... else layer, **options)


ROW = LayerRow(beginning_with_data, inputs=Data((5,)), bad=[({"layer": "dense"}, "a Keras layer")])


ALONE = [check for check in checks_for(ROW) if check != "mirrored_strategy"]  # tested below


@pytest.mark.parametrize("check", ALONE)
def test_conformance_with_data_init(check):
    run_check(ROW, check)


REPLICAS = """
import numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
import keras
from tensorsmith.layers import WeightNormalization
from tensorsmith.training import Trainer
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
with strategy.scope():
    model = keras.Sequential([keras.Input((4,)), WeightNormalization(keras.layers.Dense(3))])
    model.compile("sgd", "mse", jit_compile=False)
Trainer(model).fit(x, x[:, :3], batch_size=8, epochs=2, verbose=False)
for weight in model.layers[0].trainable_variables:
    one, other = (value.numpy() for value in strategy.experimental_local_results(weight.value))
    np.testing.assert_array_equal(one, other)
assert np.abs(model.layers[0].g.numpy() - 1).max() > 0.01
"""


@pytest.mark.slow
def test_replicas_are_synchronized():
    result = subprocess.run([sys.executable, "-c", REPLICAS], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
