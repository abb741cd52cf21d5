"""`Bucketizer`, compared with NumPy, scikit-learn and the Keras layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.preprocessing import KBinsDiscretizer

from tensorsmith.data.preprocessing import Bucketizer
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
VALUES = RNG.lognormal(size=20_000).astype("float32")


def batches(values, size):
    return tf.data.Dataset.from_tensor_slices(values).batch(size)


@pytest.mark.parametrize("size", [32, 20_000])
def test_adapt_matches_scikit_learn(size):
    layer = Bucketizer(bins=8)
    layer.adapt(batches(VALUES, size))
    method = {"strategy": "quantile", "encode": "ordinal", "quantile_method": "linear"}
    theirs = KBinsDiscretizer(8, subsample=None, **method)
    expected = theirs.fit_transform(VALUES[:, None].astype("float64"))
    np.testing.assert_array_equal(layer(VALUES[:, None]), expected)


def test_quartiles_are_more_accurate_than_keras():
    ours, theirs = Bucketizer(bins=4), keras.layers.Discretization(num_bins=4)
    ours.adapt(batches(VALUES, 32))
    theirs.adapt(batches(VALUES, 32))
    shares = {
        layer: [float((boundary > VALUES).mean()) for boundary in boundaries]
        for layer, boundaries in (("ours", ours.boundaries), ("theirs", theirs.bin_boundaries))
    }
    np.testing.assert_allclose(shares["ours"], [0.25, 0.5, 0.75], atol=1e-4)
    assert max(np.abs(np.array(shares["theirs"]) - [0.25, 0.5, 0.75])) > 0.05  # else Keras would be accurate enough


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "uint8"])
def test_given_boundaries_match_keras(dtype):
    values = tf.cast(RNG.uniform(0, 9, (30, 2)).round(1), dtype)
    theirs = keras.layers.Discretization(bin_boundaries=[1.0, 2.5, 7.0])(values)
    np.testing.assert_array_equal(Bucketizer([1.0, 2.5, 7.0])(values), theirs)
    vectors = Bucketizer([1.0, 2.5, 7.0], output="one_hot")(values)
    np.testing.assert_array_equal(vectors, np.eye(4)[np.asarray(theirs)])
    assert Bucketizer([1.0], output="one_hot")(values[:, :1]).shape == (30, 2)


def test_boundary_values_and_nan():
    values = np.array([1.0, 2.0, -np.inf, np.inf, np.nan, np.nextafter(2.0, 0)])
    np.testing.assert_array_equal(Bucketizer([1.0, 2.0])(values), [1, 2, 0, 2, 2, 1])


def test_save_export_and_map(tmp_path):
    layer = Bucketizer(bins=9)
    layer.adapt(VALUES)
    inputs = keras.Input((2,))
    model = keras.Model(inputs, layer(inputs))
    assert model.output.dtype == "int64"
    values = VALUES[:100].reshape(50, 2)
    expected = layer(values)
    assert expected.dtype == "int64"
    assert len(np.unique(expected)) == 9
    model.save(tmp_path / "model.keras")
    model.export(tmp_path / "export", verbose=False)
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(values), expected)
    exported = tf.saved_model.load(str(tmp_path / "export"))
    np.testing.assert_array_equal(exported.serve(values), expected)
    np.testing.assert_array_equal(next(iter(batches(values, 50).map(layer))), expected)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: Bucketizer(bins=3)(np.zeros(2)), {"name": "boundaries", "expected": "set before"}),
        (lambda: Bucketizer([1.0]).adapt(np.arange(3.0)), {"name": "bins", "expected": "set before `adapt` is called"}),
        (lambda: Bucketizer(bins=3).adapt(np.array([1.0, np.nan])), {"name": "data", "expected": "finite numbers"}),
        (
            lambda: Bucketizer(bins=3).adapt(np.ones(3)),
            {"name": "data", "expected": "contain enough distinct values for at least two bins"},
        ),
        (
            lambda: Bucketizer(bins=3).adapt(np.ones(0)),
            {"name": "data", "expected": "contain enough distinct values for at least two bins"},
        ),
        (lambda: Bucketizer(), {"name": "boundaries", "expected": "a sequence of numbers"}),
        (lambda: Bucketizer([2.0, 1.0]), {"name": "boundaries", "expected": "strictly increasing, finite numbers"}),
    ],
)
def test_error_messages(call, error):
    with raises_argument_error(**error):
        call()
