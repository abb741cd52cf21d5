"""Tests of the Keras metrics recommended in the README. A failure means that a metric belongs in this package."""

import keras
import numpy as np
import pytest
from keras import metrics


def test_streaming_precision():
    """4 of 5 and 0 of 3 correct positive predictions give 4 of 8, not the mean of 80 % and 0 %."""
    metric = metrics.Precision()
    metric.update_state([0, 1, 1, 1, 0, 1, 0, 1], [1, 1, 0, 1, 0, 1, 0, 1])
    assert round(float(metric.result()), 6) == 0.8
    metric.update_state([0, 1, 0, 0, 1, 0, 1, 1], [1, 0, 1, 1, 0, 0, 0, 0])
    assert metric.result() == 0.5


@pytest.mark.parametrize(
    ("metric", "y_true", "y_pred"),
    [
        (metrics.AUC(thresholds=[0.1, 0.45, 0.9]), [[0], [1], [0], [1]], [[0.1], [0.5], [0.5], [0.8]]),
        (metrics.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True), [2, 1], [[1.0, 0.0, 3.0], [1.0, 2.0, 3.0]]),
    ],
    ids=["AUC, thresholds", "SparseTopKCategoricalAccuracy, from_sorted_ids"],
)
def test_arguments_are_saved(metric, y_true, y_pred, tmp_path):
    inputs = keras.Input(np.shape(y_pred)[1:])
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    model.compile(metrics=[metric])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    first, second = (each.compute_metrics(None, np.array(y_true), np.array(y_pred)) for each in (model, loaded))
    assert first == second
    assert loaded.get_compile_config()["metrics"] == model.get_compile_config()["metrics"]
