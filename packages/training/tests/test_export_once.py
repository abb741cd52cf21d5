"""Exports in folders that are named after the model."""

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.training import export_once


def test_folders_depend_on_weights_and_configuration(tmp_path):
    """Models with equal weights do not replace each other, and an existing export is kept."""
    models = [keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name)]) for name in ("relu", "softmax")]
    models[1].set_weights(models[0].get_weights())
    first, second = (export_once(model, tmp_path) for model in models)
    assert first != second
    x = np.ones((1, 3), "float32")
    loaded = tf.saved_model.load(second)
    np.testing.assert_allclose(loaded.serve(x), models[1](x), rtol=1e-6)
    before = (tmp_path / first / "saved_model.pb").stat().st_mtime_ns
    assert export_once(models[0], tmp_path) == first
    assert (tmp_path / first / "saved_model.pb").stat().st_mtime_ns == before
    models[0].set_weights([weight + 1 for weight in models[0].get_weights()])
    assert export_once(models[0], tmp_path) not in (first, second)
