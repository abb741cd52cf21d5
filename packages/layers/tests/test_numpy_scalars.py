"""Tests that arguments may be NumPy scalars instead of Python numbers."""

import inspect
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from tensorsmith import layers
from tensorsmith.layers import initializers, regularizers
from tensorsmith.testing import LayerRow
from tensorsmith.testing.conformance_file import FILE_NAME, load_rows
from tensorsmith.testing.using import examples

PATHS = sorted(Path(__file__).parent.rglob(FILE_NAME))
ROWS = {
    title: row
    for path in PATHS
    for title, row in load_rows(path).items()
    if isinstance(row, LayerRow) and inspect.isclass(row.make)
}


def of_numpy(value):
    """Returns the value with NumPy scalars in place of Python numbers."""
    if isinstance(value, list | tuple):
        return type(value)(map(of_numpy, value))
    kinds = {int: np.int64, float: np.float32}
    return kinds[type(value)](value) if type(value) in kinds else value


@pytest.fixture
def half_precision():
    """Sets a policy under which a NumPy scalar, unlike a Python number, could change the dtype of a result."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.slow  # hundreds of layers are built
@pytest.mark.parametrize("title", ROWS)
def test_layers(title, half_precision):
    row, found = ROWS[title], []
    arguments = keras.tree.map_structure(keras.ops.convert_to_tensor, examples(row))
    for kwargs in (row.kwargs, {name: of_numpy(value) for name, value in row.kwargs.items()}):
        keras.utils.set_random_seed(1)
        layer = row.make(**kwargs)
        keras.utils.set_random_seed(2)
        found.append(keras.tree.flatten(layer(*arguments)))
        json.dumps(keras.saving.serialize_keras_object(layer))
    for one, other in zip(*found, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(*(np.array(each, "float32") for each in (one, other)), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("cell", [layers.IndRNNCell, layers.LayerNormLSTMCell, layers.LayerNormSimpleRNNCell])
def test_cells(cell):
    """Covers arguments that cells pass on to Keras."""
    made = cell(np.int64(3), seed=np.int64(3), dropout=np.float32(0.5), recurrent_dropout=np.float32(0.25))
    json.dumps(made.get_config())
    assert (made.seed, made.dropout, made.recurrent_dropout) == (3, 0.5, 0.25)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (initializers.Fixup, (8, 3, 1)),
        (initializers.Identity, (0.5,)),
        (regularizers.KLDivergenceRegularizer, (0.5, 0.25)),
        (layers.SpatialPyramidPooling2D, ([1, [2, 3]],)),
    ],
)
def test_configurations(kind, arguments):
    made = kind(*of_numpy(arguments))
    assert type(made).from_config(json.loads(json.dumps(made.get_config()))).get_config() == made.get_config()
