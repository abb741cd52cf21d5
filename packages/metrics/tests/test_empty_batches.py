"""Tests that a batch without samples, as produced by filters and exhausted shards, does not change a metric."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.metrics import BLEU, F1Score
from tensorsmith.testing.conformance_file import FILE_NAME, load_rows

ROWS = load_rows(Path(__file__).with_name(FILE_NAME)).values()


def batch_of(row, size):
    """Return arrays with the data of a row."""
    rng = np.random.default_rng(size)
    kinds = [data for data in (row.y_true, row.y_pred) if data is not None]
    return [rng.uniform(data.low, data.high, (size, *data.shape)).astype(data.dtype) for data in kinds]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_empty_batch_has_no_effect(row, weighted):
    metric = row.make(**row.kwargs)
    weights = {"sample_weight": np.zeros(0)} if weighted else {}
    for batch in (None, batch_of(row, 6)):  # before and after the first update
        if batch:
            metric.update_state(*batch)
        before = np.array(metric.result())
        metric.update_state(*batch_of(row, 0), **weights)
        np.testing.assert_array_equal(metric.result(), before)


@pytest.mark.parametrize("references", [(0,), (0, 3)])
def test_bleu_of_empty_batch(references):
    metric = BLEU(max_order=1)
    metric.update_state(["a b"], ["a c"])
    metric.update_state(tf.zeros(references, tf.string), tf.zeros((0,), tf.string))
    assert float(metric.result()) == 0.5


@pytest.mark.parametrize("average", [None, "micro"])
@pytest.mark.parametrize("shape", [(0, 3), (0, 2, 3)])
def test_f1_score_of_empty_batch(shape, average):
    metric = F1Score(num_classes=3, average=average)
    metric.update_state(np.zeros(shape), np.zeros(shape))
    assert not np.any(metric.result())
