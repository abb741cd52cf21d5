"""Conformance checks for NumPy scalars as arguments and for integer inputs."""

import dataclasses
import inspect
import json
from typing import Any

import keras
import numpy as np

from tensorsmith.testing.checks.precision import policy
from tensorsmith.testing.comparing import Observations, expect_same
from tensorsmith.testing.errors import ConformanceError, expect
from tensorsmith.testing.rows import Data, LayerRow, LossRow, Row
from tensorsmith.testing.using import BATCH, draw, examples, make, observe, ready

SCALARS = {int: np.int64, float: np.float32}


def numpy_scalars(row: Row) -> None:
    """Checks that NumPy scalars as arguments have the same effect as Python numbers, also in half precision."""
    hint = "Convert numbers with int() or float() in `__init__`."
    rows = [row]
    if isinstance(row, LossRow) and "dtype" not in row.kwargs and _takes_dtype(row):
        # A loss does not use the global dtype policy.
        rows.append(dataclasses.replace(row, kwargs={**row.kwargs, "dtype": "bfloat16"}))
    # In half precision, a NumPy scalar can change the dtype of a result, unlike a Python number.
    with policy("mixed_bfloat16"):
        for plain in rows:
            kwargs = {name: of_numpy(value) for name, value in plain.kwargs.items()}
            converted = dataclasses.replace(plain, kwargs=kwargs)
            try:
                json.dumps(keras.saving.serialize_keras_object(make(converted)))
            except TypeError as error:
                raise ConformanceError(f"JSON cannot represent the config. {hint}") from error
            expected, found = (observe(each, ready(each), examples(each), calls=1) for each in (plain, converted))
            half = isinstance(row, LayerRow) or plain is not row
            tolerance = 2 * row.half_tolerance if half else row.tolerance
            _expect_same_dtypes(expected, found, tolerance, "Python numbers and NumPy scalars as arguments", hint)


def integer_inputs(row: LayerRow) -> None:
    """Checks that integers as inputs have the same outputs as the equal floats."""
    rng = np.random.default_rng(1)
    integers = keras.tree.map_structure(lambda data: draw(_of_integers(data), BATCH, rng), row.arguments)
    floats = keras.tree.map_structure(lambda data, array: array.astype(data.dtype), row.arguments, integers)
    # The layers are not built before, because the first inputs can determine the dtypes of weights.
    expected, found = (observe(row, make(row), arguments, calls=1) for arguments in (floats, integers))
    hint = "Convert inputs to the dtype of the layer, with keras.ops.cast(x, self.compute_dtype)."
    _expect_same_dtypes(expected, found, row.tolerance, "floats and integers as inputs", hint)


def of_numpy(value: Any) -> Any:
    """Returns the value with NumPy scalars in place of Python numbers, also in lists and tuples."""
    if type(value) in (list, tuple):
        return type(value)(map(of_numpy, value))
    return SCALARS[type(value)](value) if type(value) in SCALARS else value


def _takes_dtype(row: Row) -> bool:
    parameters = inspect.signature(row.make).parameters
    return "dtype" in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())


def _of_integers(data: Data) -> Data:
    """Returns the specification of small integers for an argument of floats, and other specifications unchanged."""
    is_float = np.issubdtype(np.dtype(data.dtype), np.floating)
    return dataclasses.replace(data, dtype="int32", low=max(0, int(data.low)), high=3) if is_float else data


def _expect_same_dtypes(first: Observations, second: Observations, tolerance: float, who: str, hint: str) -> None:
    """Raises `ConformanceError` unless the outputs have the same dtypes and approximately the same values."""
    for name in first.keys() & second.keys():
        one, other = first[name].dtype, second[name].dtype
        expect(one == other, f"{who} differ in dtype at {name}: {one} and {other}. {hint}")
    expect_same(first, second, tolerance, who, hint)
