"""Tests of `Standardization` against NumPy and scikit-learn, and of `LearnableExponential` against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.preprocessing import StandardScaler

from tensorsmith.layers import LearnableExponential, Standardization
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
DATA = RNG.normal(50, [1, 10, 0.01, 3], size=(1000, 4))


@pytest.mark.parametrize("as_batches", [False, True])
def test_matches_scikit_learn(as_batches):
    data = DATA.copy()
    data[:, 2] = 0.1  # constant
    scaler = StandardScaler().fit(data)
    layer = Standardization(dtype="float64")
    layer.adapt(tf.data.Dataset.from_tensor_slices(data).batch(37) if as_batches else data)
    further = data + RNG.normal(size=data.shape)
    np.testing.assert_allclose(layer(further), scaler.transform(further), rtol=1e-9)
    np.testing.assert_allclose(layer.inverse(layer(further)), further, rtol=1e-12)
    assert not layer.trainable_weights


@pytest.mark.parametrize(("axis", "others"), [(-1, (0, 1, 2)), ((1, 3), (0, 2)), (None, (0, 1, 2, 3)), ([1, 2, 3], 0)])
def test_axis(axis, others):
    data = RNG.normal(2, 3, size=(20, 3, 4, 5)).astype("float32")
    layer = Standardization(axis)
    layer.adapt(data)
    expected = (data - data.mean(others, keepdims=True)) / data.std(others, keepdims=True)
    np.testing.assert_allclose(layer(data), expected, atol=1e-5)


def test_precision_with_large_mean():
    data = 1e6 + RNG.normal(size=(500, 2))
    layer = Standardization(dtype="float64")
    layer.adapt(tf.data.Dataset.from_tensor_slices(data).batch(7))
    np.testing.assert_allclose(np.std(layer(data), axis=0), 1, rtol=1e-9)


def test_constant_features():
    data = np.full((30, 1), 0.3, "float32")
    ours, theirs = Standardization(), keras.layers.Normalization()
    for layer in (ours, theirs):
        layer.adapt(data)
    np.testing.assert_allclose(ours(data + 1), 1, rtol=1e-6)
    assert np.abs(theirs(data + 1)).max() > 1e6


def test_tiny_deviations():
    data = RNG.uniform(size=(100, 1)) * [[1e-40, 1e-60, 1e-30]]
    layer = Standardization()
    layer.adapt(data)
    np.testing.assert_array_equal(layer.std[0, :2], [1, 1])
    y = layer(data).numpy()
    np.testing.assert_allclose(y[:, :2], 0, atol=1e-39)
    np.testing.assert_allclose(y[:, 2], (data[:, 2] - data[:, 2].mean()) / data[:, 2].std(), rtol=1e-4, atol=1e-5)


def test_large_values_in_float16():
    data = RNG.uniform(size=(100, 1)) * 1e6
    layer = Standardization(dtype="float16")
    layer.adapt(data)
    y = layer(data)
    assert y.dtype == "float16"
    np.testing.assert_allclose(y, (data - data.mean()) / data.std(), atol=2e-3)
    np.testing.assert_allclose(layer.inverse(y), data, rtol=1e-2, atol=1e3)


def test_inputs_exceeding_float16_range():
    layer = Standardization(dtype="mixed_float16")
    data = np.array([[100_000.0], [300_000.0]], "float32")
    layer.adapt(data)
    y = layer(data)
    assert y.dtype == "float16"
    np.testing.assert_array_equal(y, [[-1], [1]])


def test_integers():
    layer = Standardization()
    layer.adapt(np.array([[1], [3]], "uint8"))
    np.testing.assert_array_equal(layer(np.array([[0], [4]], "uint8")), [[-2], [2]])


def test_saving(tmp_path):
    layer = Standardization()
    layer.adapt(DATA)
    model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(1)])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(DATA), model(DATA))
    np.testing.assert_allclose(loaded.layers[0].mean[0], DATA.mean(0), rtol=1e-6)


def test_repeated_adapt():
    layer = Standardization()
    layer.adapt(DATA)
    layer.adapt(DATA[:10])
    np.testing.assert_allclose(layer.mean[0], DATA[:10].mean(0), rtol=1e-6)


def test_adapt_without_reset():
    layer = Standardization()
    with raises_argument_error("reset", expected="True for a layer that has not been adapted"):
        layer.adapt(DATA[:10], reset=False)
    layer.adapt(DATA[:10])
    layer.adapt(DATA[10:], reset=False)
    np.testing.assert_allclose(layer.mean[0], DATA.mean(0), rtol=1e-6)
    np.testing.assert_allclose(layer.std[0], DATA.std(0), rtol=1e-6)


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (DATA[:0], {"expected": "a non-empty batch of rank 2 whose mean has shape (1, 4)"}),
        (DATA[:, :3], {"expected": "a non-empty batch"}),
        (np.full((3, 4), np.nan), {"expected": "finite numbers"}),
        (tf.data.Dataset.from_tensor_slices(DATA[:0]).batch(2), {"expected": "at least one batch"}),
        (
            tf.data.Dataset.from_tensor_slices((DATA, DATA)).batch(2),
            {"remedy": "call `dataset.map` to select the inputs"},
        ),
    ],
    ids=["empty", "other features", "not finite", "empty data set", "with targets"],
)
def test_invalid_data(data, parts):
    layer = Standardization()
    layer.build((None, 4))
    with raises_argument_error("data", **parts):
        layer.adapt(data)


@pytest.mark.parametrize("data", [np.arange(5.0), [], tf.data.Dataset.range(5)], ids=["vector", "empty", "scalars"])
def test_data_without_feature_axis(data):
    with raises_argument_error("data", expected="contain batches with the feature axes -1 after the batch axis"):
        Standardization().adapt(data)
    Standardization(None).adapt(np.arange(5.0))  # accepts scalars as examples


@pytest.mark.parametrize(
    ("axis", "shape", "error"),
    [
        (3, (None, 4), {"name": "axis", "expected": "valid for inputs"}),
        (
            -2,
            (None, 4),
            {"name": "axis", "expected": "valid for inputs of shape (None, 4) and exclude the batch axis"},
        ),
        (1, (2, None, 4), {"name": "inputs", "expected": "have a statically known size along `axis`"}),
    ],
)
def test_invalid_shapes(axis, shape, error):
    with raises_argument_error(**error):
        Standardization(axis).build(shape)


def test_learnable_exponential():
    layer = LearnableExponential(keras.initializers.Constant(2.0), keras.initializers.Constant(0.5))
    x = RNG.normal(size=(3, 4)).astype("float32")
    np.testing.assert_allclose(layer(x), np.exp(2 * x + 0.5), rtol=1e-5)
    half = LearnableExponential(keras.initializers.Constant(1.25), keras.initializers.Constant(0.375), dtype="float16")
    x = np.linspace(-3, 8, 100, dtype="float16")[None, :, None]
    np.testing.assert_allclose(half(x), np.exp(1.25 * x.astype("float64") + 0.375), rtol=1e-3)


def test_learnable_exponential_fits_different_scales():
    x = np.eye(3, dtype="float32")
    y = np.array([[0.001], [10.0], [1000.0]], "float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1), LearnableExponential()])
    model.compile(keras.optimizers.Adam(0.05), keras.losses.MeanSquaredLogarithmicError(), jit_compile=False)
    model.fit(np.repeat(x, 200, 0), np.repeat(y, 200, 0), batch_size=3, epochs=5, verbose=0)
    np.testing.assert_allclose(model(x)[1:], y[1:], rtol=0.05)
    assert 0 < float(model(x)[0, 0]) < 0.1
