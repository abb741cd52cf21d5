"""Inferred dtypes of numbers in text, compared with Python's parser."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tensorsmith.tfrecord.sources.numbers import Numbers


def dtype_of(*batches):
    numbers = Numbers()
    for texts in batches:
        numbers.add(pa.array(texts, pa.string()))
    return numbers.dtype


CASES = {
    "bool": [["true", "False"], ["TRUE"]],
    "int64": [["1", "-5", "0"], [str(2**63 - 1)], [str(-(2**63))]],
    "uint64": [["1"], [str(2**64 - 1)]],
    "float32": [["0.1", "1"], ["1e5", "-.5", "5.", "nan", "inf", "-Infinity"], ["3.4028235e38"]],
    "float64": [["0.1"], ["0.30000000000000004"]],
    "string": [["1", "2"], ["a"]],
}


@pytest.mark.parametrize("dtype", CASES)
def test_dtypes(dtype):
    assert dtype_of(*CASES[dtype]) == dtype
    assert dtype_of(*CASES[dtype][::-1]) == dtype
    assert dtype_of([text for batch in CASES[dtype] for text in batch]) == dtype


@pytest.mark.parametrize(
    "texts",
    [
        ["007"],
        ["0x10"],
        ["1", "true"],
        ["2.5", "true"],
        [str(2**64)],
        ["1_000"],
        ["1,5"],
        ["2.5", str(2**60 + 1)],
        ["00.5"],
    ],
    ids=str,
)
def test_string_values(texts):
    assert dtype_of(texts) == "string"
    assert dtype_of(*[[text] for text in texts]) == "string"
    assert dtype_of(*[[text] for text in texts[::-1]]) == "string"


@pytest.mark.parametrize("text", ["1e39", "1e-60", "16777217.0", "12345678.9"])
def test_values_beyond_float32_precision(text):
    assert dtype_of([text]) == "float64"


@settings(max_examples=300, deadline=None)
@example(1048576.25)  # formatted as 1.0485762e+06, which is half a unit away
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float32_round_trip(value):
    assert dtype_of([np.format_float_scientific(np.float32(value))]) == "float32"


@settings(max_examples=300, deadline=None)
@given(st.decimals(-(10**6), 10**6, allow_nan=False, places=4))
def test_float32_preserves_decimal_digits(number):
    away = abs(Decimal(float(np.float32(float(number)))) - number)
    assume(abs(away - Decimal("0.00005")) > Decimal("1e-9"))
    assert dtype_of([f"{number:f}"]) == ("float32" if away < Decimal("0.00005") else "float64")
