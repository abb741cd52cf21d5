"""Tests that NumPy scalars are accepted as arguments like Python numbers."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from tensorsmith import metrics
from tensorsmith.testing.conformance_file import FILE_NAME, load_rows
from tensorsmith.testing.using import examples

ROWS = load_rows(Path(__file__).parent / FILE_NAME)


def of_numpy(value):
    """Return the value with all numbers converted to NumPy scalars."""
    if isinstance(value, list | tuple):
        return type(value)(map(of_numpy, value))
    kinds = {int: np.int64, float: np.float32}
    return kinds[type(value)](value) if type(value) in kinds else value


@pytest.mark.parametrize("title", ROWS)
def test_metrics(title):
    row, found = ROWS[title], []
    for kwargs in (row.kwargs, {name: of_numpy(value) for name, value in row.kwargs.items()}):
        metric = row.make(**kwargs)
        metric.update_state(*examples(row))
        found.append(keras.tree.flatten(metric.result()))
        json.dumps(keras.saving.serialize_keras_object(metric))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_thresholds_of_an_array():
    thresholds = np.arange(0.5, 1, 0.05)
    metric = metrics.AveragePrecision(3, iou_thresholds=thresholds)
    assert metric.get_config()["iou_thresholds"] == tuple(thresholds.tolist())
