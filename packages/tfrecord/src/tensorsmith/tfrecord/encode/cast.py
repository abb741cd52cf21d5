"""Conversion of values to the dtype of their feature."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorsmith.tfrecord._support.arrow_numbers import complex_from_arrow, is_complex
from tensorsmith.tfrecord._support.dates import numbers_of_dates, parse_dates
from tensorsmith.tfrecord.encode.rejections import RejectValue, brief
from tensorsmith.tfrecord.schema import COMPLEX, FLOATS, INTEGERS, STRINGS, Feature
from tensorsmith.tfrecord.sources.numbers import WORDS

TYPES = {  # Arrow types; dtypes without one, and floats that Arrow rounds less accurately, are cast from float64
    "string": pa.large_string(),
    "bytes": pa.large_binary(),
    "bool": pa.bool_(),
    **{name: getattr(pa, name)() for name in (*INTEGERS[1:], "uint64")},
}


def cast_values(leaves: pa.Array, feature: Feature, dtype: str, reject: RejectValue) -> np.ndarray | pa.Array:
    """Converts the values of a feature to a dtype. Values that the dtype cannot represent are rejected.

    Args:
        leaves: Arrow array of the values to convert. Strings are parsed as numbers, or looked up in the labels of the
            feature.
        feature: Feature that contains the values.
        dtype: Name of the target dtype, or "bytes" if the values are file contents.
        reject: Function that is called with the index of each value that cannot be converted, and the reason.

    Returns:
        A NumPy array of numbers, or an Arrow array of strings or bytes. If values were rejected, the array has the
        correct length but unspecified content.
    """
    nothing = np.zeros(len(leaves))
    written = is_text(leaves.type) and dtype not in STRINGS
    if written:
        if _reject_uncastable(leaves, pa.large_string(), dtype, reject):
            return nothing
        leaves = pc.utf8_trim_whitespace(leaves.cast(pa.large_string()))
        if feature.format:
            return _dates(leaves, feature, reject)
        if dtype == "bool":
            leaves = _without_words(leaves)
    # Class names are looked up in the labels.
    if feature.labels and written:
        found = pc.index_in(leaves, pa.array(feature.labels, pa.large_string()))
        for leaf in np.flatnonzero(np.asarray(pc.is_null(found))).tolist():
            reject(leaf, f"expected one of the {len(feature.labels)} labels, got {brief(leaves[leaf].as_py())}")
        return np.asarray(found.fill_null(0)).astype("int64")
    if dtype in STRINGS:
        return leaves if _reject_uncastable(leaves, TYPES[dtype], dtype, reject) else leaves.cast(TYPES[dtype])
    numbers = (_complex_numbers if dtype in COMPLEX else _real_numbers)(leaves, dtype, reject)
    if numbers is None:
        return nothing
    # Reject overflow: finite values that become infinite, unless infinity is written out.
    wrong = np.zeros(len(numbers), "bool")
    if dtype in (*FLOATS, "float64", *COMPLEX):
        with np.errstate(over="ignore"):
            narrow = numbers.astype(dtype)
        wrong = np.isinf(narrow) & np.isfinite(numbers)
        if written:
            named = pc.match_substring(leaves, "inf", ignore_case=True).fill_null(False)
            wrong |= np.isinf(narrow) & ~np.asarray(named)
        numbers = narrow
    if dtype == "bool" and not written and not pa.types.is_boolean(leaves.type):
        wrong = ~np.isin(np.asarray(leaves.fill_null(0)), (0, 1))
    for leaf in np.flatnonzero(wrong).tolist():
        reject(leaf, f"expected a value that fits {dtype}, got {brief(leaves[leaf].as_py())}")
    if feature.labels:
        for leaf in np.flatnonzero((numbers < 0) | (numbers >= len(feature.labels))).tolist():
            reject(leaf, f"expected one of {len(feature.labels)} class indices, got {numbers[leaf]}")
    return numbers


def _dates(leaves: pa.Array, feature: Feature, reject: RejectValue) -> np.ndarray:
    """Converts an Arrow array of strings to the numbers that represent dates and times."""

    def parse(part: pa.Array) -> np.ndarray:
        return parse_dates(part, feature.format)

    try:
        microseconds = parse(leaves)
    except pa.ArrowInvalid:
        microseconds = np.zeros(len(leaves), "int64")
        for leaf in _uncastable(leaves, parse):
            reject(leaf, f"expected the format {feature.format}, got {brief(leaves[leaf].as_py())}")
    numbers = numbers_of_dates(microseconds, feature.format)
    if feature.dtype == "int64":
        for leaf in np.flatnonzero(numbers % 1).tolist():
            reject(leaf, f"expected no fractions of seconds for int64, got {brief(leaves[leaf].as_py())}")
    return numbers.astype(feature.dtype)


def _without_words(leaves: pa.Array) -> pa.Array:
    """Returns strings in which "yes" and "no", and "y" and "n", are replaced by "true" and "false"."""
    lower = pc.utf8_lower(leaves)
    for number, word in enumerate(WORDS[0]):
        same = pc.is_in(lower, pa.array([pair[number] for pair in WORDS], leaves.type))
        leaves = pc.if_else(same, pa.scalar(word, leaves.type), leaves)
    return leaves


def _real_numbers(leaves: pa.Array, dtype: str, reject: RejectValue) -> np.ndarray | None:
    """Converts an Arrow array to real numbers. Returns `None` if the dtype cannot represent all values."""
    exact = pa.types.is_integer(leaves.type) and dtype in ("float32", "complex64")  # Arrow refuses inexact casts here
    target = pa.float32() if exact else TYPES.get(dtype, pa.float64())
    if _reject_uncastable(leaves, target, dtype, reject):
        return None
    cast = leaves.cast(target)
    return np.asarray(cast.fill_null(0) if cast.null_count else cast)


def _complex_numbers(leaves: pa.Array, dtype: str, reject: RejectValue) -> np.ndarray | None:
    """Converts an Arrow array of numbers or of strings such as "1+2j" to complex numbers."""
    if is_complex(leaves.type):
        return complex_from_arrow(leaves)
    if not is_text(leaves.type):
        return _real_numbers(leaves, dtype, reject)
    numbers = np.zeros(len(leaves), "complex128")
    for leaf, text in enumerate(leaves.to_pylist()):
        try:
            numbers[leaf] = 0 if text is None else complex(text)
        except ValueError:
            reject(leaf, f"expected {dtype}, such as '1+2j', got {brief(text)}")
    return numbers


def _reject_uncastable(leaves: pa.Array, target: pa.DataType, dtype: str, reject: RejectValue) -> bool:
    """Rejects values that cannot be converted to an Arrow type. Returns `True` if there are any."""
    bad = _uncastable(leaves, lambda part: part.cast(target))
    for leaf in bad:
        reject(leaf, f"expected {dtype}, got {brief(leaves[leaf].as_py())}")
    return bool(bad)


def _uncastable(array: pa.Array, cast: Callable[[pa.Array], Any]) -> list[int]:
    """Returns the indices of values that cannot be converted by a function, determined by bisection."""
    try:
        cast(array)
        return []
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        if len(array) < 2:
            return list(range(len(array)))
    middle = len(array) // 2
    later = [middle + position for position in _uncastable(array.slice(middle), cast)]
    return _uncastable(array.slice(0, middle), cast) + later


def is_text(kind: pa.DataType) -> bool:
    """Returns `True` if an Arrow type represents strings or bytes."""
    types = pa.types
    return types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind) or types.is_large_binary(kind)
