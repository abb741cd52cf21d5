"""Single values, cast to the dtype of their feature."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorsmith.tfrecord._support.arrow_numbers import complex_from_arrow, is_complex
from tensorsmith.tfrecord.encode.rejections import RejectValue, brief
from tensorsmith.tfrecord.schema import COMPLEX, FLOATS, INTEGERS, STRINGS, Feature

TYPES = {  # of Arrow's; what has none, or is a float that Arrow would round less well, goes by way of float64
    "string": pa.large_string(),
    "bytes": pa.large_binary(),
    "bool": pa.bool_(),
    **{name: getattr(pa, name)() for name in (*INTEGERS[1:], "uint64")},
}


def cast_values(leaves: pa.Array, feature: Feature, dtype: str, reject: RejectValue) -> np.ndarray | pa.Array:
    """Casts the single values of a feature to a dtype, and reject those that it cannot hold.

    Args:
        leaves: The values; strings are parsed as numbers, or looked up among the feature's labels.
        feature: What they belong to.
        dtype: The dtype to cast to, which is "bytes" where values are files.
        reject: Called for each value that does not fit.

    Returns:
        Numbers as a NumPy array, strings and bytes as an Arrow array. Where values were rejected it has the right
        length, and its content does not count.
    """
    nothing = np.zeros(len(leaves))
    written = is_text(leaves.type) and dtype not in STRINGS
    if written:
        if _reject_uncastable(leaves, pa.large_string(), dtype, reject):
            return nothing
        leaves = pc.utf8_trim_whitespace(leaves.cast(pa.large_string()))
    if feature.labels and written:
        found = pc.index_in(leaves, pa.array(feature.labels, pa.large_string()))
        for leaf in np.flatnonzero(np.asarray(pc.is_null(found))).tolist():
            reject(leaf, f"received {brief(leaves[leaf].as_py())}, expected one of the {len(feature.labels)} labels")
        return np.asarray(found.fill_null(0)).astype("int64")
    if dtype in STRINGS:
        return leaves if _reject_uncastable(leaves, TYPES[dtype], dtype, reject) else leaves.cast(TYPES[dtype])
    numbers = (_complex_numbers if dtype in COMPLEX else _real_numbers)(leaves, dtype, reject)
    if numbers is None:
        return nothing
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
        reject(leaf, f"received {brief(leaves[leaf].as_py())}, which {dtype} cannot hold")
    if feature.labels:
        for leaf in np.flatnonzero((numbers < 0) | (numbers >= len(feature.labels))).tolist():
            reject(leaf, f"received class {numbers[leaf]}, expected one of {len(feature.labels)}")
    return numbers


def _real_numbers(leaves: pa.Array, dtype: str, reject: RejectValue) -> np.ndarray | None:
    """The values as numbers, where they are to be floats perhaps wider than those; none where some are rejected."""
    exact = pa.types.is_integer(leaves.type) and dtype in ("float32", "complex64")  # Arrow then refuses to round them
    target = pa.float32() if exact else TYPES.get(dtype, pa.float64())
    if _reject_uncastable(leaves, target, dtype, reject):
        return None
    cast = leaves.cast(target)
    return np.asarray(cast.fill_null(0) if cast.null_count else cast)


def _complex_numbers(leaves: pa.Array, dtype: str, reject: RejectValue) -> np.ndarray | None:
    """Complex numbers, real ones, and texts such as "1+2j"."""
    if is_complex(leaves.type):
        return complex_from_arrow(leaves)
    if not is_text(leaves.type):
        return _real_numbers(leaves, dtype, reject)
    numbers = np.zeros(len(leaves), "complex128")
    for leaf, text in enumerate(leaves.to_pylist()):
        try:
            numbers[leaf] = 0 if text is None else complex(text)
        except ValueError:
            reject(leaf, f"received {brief(text)}, expected {dtype}, such as '1+2j'")
    return numbers


def _reject_uncastable(leaves: pa.Array, target: pa.DataType, dtype: str, reject: RejectValue) -> bool:
    """Whether there are values that are not of a type, which are rejected."""
    bad = _uncastable(leaves, target)
    for leaf in bad:
        reject(leaf, f"received {brief(leaves[leaf].as_py())}, expected {dtype}")
    return bool(bad)


def _uncastable(array: pa.Array, target: pa.DataType) -> list[int]:
    """The places of values that are not of a type, found by halving."""
    try:
        array.cast(target)
        return []
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        if len(array) == 1:
            return [0]
    middle = len(array) // 2
    later = [middle + place for place in _uncastable(array.slice(middle), target)]
    return _uncastable(array.slice(0, middle), target) + later


def is_text(kind: pa.DataType) -> bool:
    """Returns whether a type of Arrow is one of strings or bytes."""
    types = pa.types
    return types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind) or types.is_large_binary(kind)
