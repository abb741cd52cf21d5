"""Tests that integer inputs give the same results as floats, as in `keras.layers.Dense`."""

import inspect
from pathlib import Path

import keras
import numpy as np
import pytest

from tensorsmith import layers
from tensorsmith.testing import Data, LayerRow
from tensorsmith.testing.conformance_file import FILE_NAME, load_rows

PATHS = sorted(Path(__file__).parent.rglob(FILE_NAME))
ROWS = {title: row for path in PATHS for title, row in load_rows(path).items() if isinstance(row, LayerRow)}


def whole(data):
    """Returns random integers for the description of an argument. Floating-point dtypes are replaced by int32."""
    shape = [4, *(4 if size is None else size for size in data.shape)]
    numbers = np.random.default_rng(1).integers(max(0, data.low), 3 if "float" in data.dtype else data.high, shape)
    return numbers.astype("int32" if "float" in data.dtype else data.dtype)


def modes(layer):
    """Returns the keyword arguments of calls in inference and in training, if the layer distinguishes them."""
    has_modes = "training" in inspect.signature(layer.call).parameters
    return [{"training": False}, {"training": True}] if has_modes else [{}]


@pytest.mark.slow  # hundreds of layers are built
@pytest.mark.parametrize("title", ROWS)
def test_layers(title):
    row = ROWS[title]
    integers = keras.tree.map_structure(whole, row.arguments)
    floats = keras.tree.map_structure(lambda data, x: x.astype(data.dtype), row.arguments, integers)
    assert any(isinstance(data, Data) for data in keras.tree.flatten(row.arguments))
    found = []
    for arguments in (integers, floats):
        keras.utils.set_random_seed(1)
        layer = row.make(**row.kwargs)
        if isinstance(layer, layers.HubLayer) or type(layer).__module__.startswith("keras."):
            pytest.skip("what it takes is up to the module, or to Keras")
        arguments = keras.tree.map_structure(keras.ops.convert_to_tensor, arguments)
        found.append(keras.tree.flatten([layer(*arguments, **options) for options in modes(layer)]))
    for one, other in zip(*found, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", layers.activations.__all__)
def test_activations(name):
    function, x = getattr(layers.activations, name), np.array([[-2, 1, 1], [0, 3, -1]])
    np.testing.assert_allclose(function(x), function(x.astype("float32")), rtol=1e-6)
    assert function(x).dtype == "float32"
