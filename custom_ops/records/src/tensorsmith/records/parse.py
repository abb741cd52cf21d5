"""Parsing of `tf.train.Example` records into columns."""

import contextlib
import ctypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tensorsmith.core import check
from tensorsmith.records import reference
from tensorsmith.records.column import DTYPES, KINDS, Column
from tensorsmith.records.library import MESSAGE_SIZE, CWanted, address, addresses, library
from tensorsmith.records.record import RecordError, Records


@dataclass(frozen=True)
class Sequence:
    """Request for a feature in the `feature_lists` of a `tf.train.SequenceExample`.

    Args:
        kind: Type of the values, `"bytes"`, `"float"` or `"int64"`.
    """

    kind: str


def parse(records: Records, wanted: Mapping[str, str | Sequence]) -> dict[str, Column]:
    """Parses features of `tf.train.Example` or `tf.train.SequenceExample` records into columns.

    Args:
        records: Serialized `tf.train.Example` or `tf.train.SequenceExample` records.
        wanted: Dict that maps feature names to value types, `"bytes"`, `"float"` or `"int64"`, or to `Sequence(kind)`
            for features in `feature_lists`.

    Returns:
        A dict of feature names to columns. `present` is `False` for rows without the feature.

    Raises:
        RecordError: If a record is not an example, or if a feature has values of another kind.
        ValueError: If a kind is unknown.

    Example:
        >>> from tensorsmith.records import encode
        >>> records = encode({"x": Column.lists("float", [[1.5], [], None])})
        >>> parse(records, {"x": "float"})["x"].to_lists()
        [[1.5], [], None]
    """
    for name, request in wanted.items():
        kind = request.kind if isinstance(request, Sequence) else request
        check(kind in KINDS, f"wanted[{name!r}]", kind, " or ".join(KINDS))
    if library() is None:
        return reference.parse(records, {name: _plain(request) for name, request in wanted.items()})
    with _opened(records, wanted) as examples:
        return {
            name: _column(examples, number, len(records), *_plain(request))
            for number, (name, request) in enumerate(wanted.items())
        }


def check_examples(records: Records) -> None:
    """Checks that records are valid `tf.train.Example` or `tf.train.SequenceExample` messages.

    Raises:
        RecordError: If a record is invalid.
    """
    native = library()
    if native is None:
        reference.parse(records, {})
        return
    message, starts = ctypes.create_string_buffer(MESSAGE_SIZE), addresses(records)
    must(native.check(address(starts), address(records.sizes), len(records), message), message)


def must(row: int, message: ctypes.Array[ctypes.c_char]) -> None:
    """Raises the error that a library function returned, if any."""
    if row == -2:
        raise MemoryError(message.value.decode())
    if row != -1:
        raise RecordError(row, message.value.decode(errors="replace"))


def _plain(request: str | Sequence) -> tuple[str, bool]:
    """Returns the value type of a requested feature, and a boolean that is `True` if the feature is a sequence."""
    return (request.kind, True) if isinstance(request, Sequence) else (request, False)


@contextlib.contextmanager
def _opened(records: Records, wanted: Mapping[str, str | Sequence]) -> Iterator[int]:
    """Context manager that parses records and yields a handle to the parsed features."""
    native = library()
    assert native is not None
    requests = [(name.encode(), *_plain(request)) for name, request in wanted.items()]
    filled = [CWanted(name, len(name), KINDS.index(kind) + 1, steps) for name, kind, steps in requests]
    structures = (CWanted * len(filled))(*filled)
    handle, message = ctypes.c_void_p(), ctypes.create_string_buffer(MESSAGE_SIZE)
    starts = addresses(records)
    positions = address(starts), address(records.sizes)
    must(native.open(structures, len(structures), *positions, len(records), ctypes.byref(handle), message), message)
    try:
        yield handle.value or 0
    finally:
        native.close(handle)


def _column(examples: int, number: int, count: int, kind: str, is_sequence: bool) -> Column:
    """Returns the values of one parsed feature as a column."""
    native = library()
    assert native is not None
    present, counts = np.empty(count, "bool"), np.empty(count, "int64")
    native.counts(examples, number, address(present), address(counts))
    rows, steps = _places(counts), None
    begins = rows
    if is_sequence:
        step_counts = np.empty(rows[-1], "int64")
        native.step_counts(examples, number, address(step_counts))
        steps = _places(step_counts)
        begins = np.ascontiguousarray(steps[rows])
    there = None if present.all() else present
    if kind == "bytes":
        spans = np.empty((begins[-1], 2), "int64")  # addresses of the first byte and of the end
        native.bytes(examples, number, address(begins), address(spans))
        bounds = _places(spans[:, 1] - spans[:, 0])
        data = np.empty(bounds[-1], "uint8")
        native.gather(address(spans), len(spans), address(data))
        return Column(kind, data, rows, bounds, steps, there)
    values = np.empty(begins[-1], DTYPES[kind])
    copy = native.floats if kind == "float" else native.integers
    copy(examples, number, address(begins), address(values))
    return Column(kind, values, rows, None, steps, there)


def _places(sizes: np.ndarray) -> np.ndarray:
    positions = np.zeros(len(sizes) + 1, "int64")
    np.cumsum(sizes, out=positions[1:])
    return positions
