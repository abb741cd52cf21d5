"""Functional models with named inputs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.data.preprocessing import FeatureModel

EXAMPLES = {"a": np.ones(2), "b": np.full(2, 10.0), "c": np.full(2, 100.0)}


def difference(kind):
    """Returns a model that computes 100 - 10 from the inputs `c` and `b`."""
    inputs = {name: keras.Input((), name=name) for name in ("c", "b")}
    return kind(inputs, inputs["c"] - inputs["b"])


def test_extra_entries_are_ignored():
    model = difference(FeatureModel)
    np.testing.assert_array_equal(model(EXAMPLES), [90, 90])
    mapped = tf.data.Dataset.from_tensor_slices(EXAMPLES).batch(2).map(model)
    np.testing.assert_array_equal(next(iter(mapped)), [90, 90])


def test_keras_model_ignores_names():
    with pytest.warns(UserWarning, match="The structure of `inputs` doesn't match"):
        found = difference(keras.Model)(EXAMPLES)
    assert found.numpy().tolist() != [90, 90]  # otherwise `keras.Model` would suffice


def test_missing_input():
    with pytest.raises(ValueError, match='Missing data for input "b"'):
        difference(FeatureModel)({"c": np.ones(2), "bb": np.ones(2)})


def test_save_and_load(tmp_path):
    difference(FeatureModel).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, FeatureModel)
    np.testing.assert_array_equal(loaded(EXAMPLES), [90, 90])
