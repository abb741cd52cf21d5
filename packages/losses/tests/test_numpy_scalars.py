"""Tests that NumPy scalars are accepted as arguments like Python numbers."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from tensorsmith.testing.conformance_file import FILE_NAME, load_rows
from tensorsmith.testing.using import examples

ROWS = load_rows(Path(__file__).parent / FILE_NAME)


def of_numpy(value):
    """Return the value with all numbers converted to NumPy scalars."""
    if isinstance(value, list | tuple):
        return type(value)(map(of_numpy, value))
    kinds = {int: np.int64, float: np.float32}
    return kinds[type(value)](value) if type(value) in kinds else value


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("title", ROWS)
def test_losses(title, dtype):
    row, found = ROWS[title], []
    y_true, y_pred, _ = examples(row)
    for kwargs in (row.kwargs, {name: of_numpy(value) for name, value in row.kwargs.items()}):
        loss = row.make(**kwargs, **({} if "dtype" in kwargs else {"dtype": dtype}))
        found.append(np.array(loss(y_true, y_pred), "float32"))
        json.dumps(keras.saving.serialize_keras_object(loss))
    np.testing.assert_allclose(*found, rtol=0.02)
