"""Rows in Arrow's form as the columns of a schema, and which rows do not fit it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from tensorsmith.core import argument_error
from tensorsmith.data.tfrecord.arrow_numbers import complex_from_arrow, is_complex
from tensorsmith.data.tfrecord.schema import (
    COMPLEX,
    FLOATS,
    INDICES,
    INTEGERS,
    PICTURES,
    SHAPE,
    TEXTS,
    VALUE,
    VALUES,
    Feature,
    Schema,
)
from tensorsmith.data.tfrecord.sources.pictures import dtype_of
from tensorsmith.data.tfrecord.sources.source import Batch, Reject
from tensorsmith.records import Column

TYPES = {  # of Arrow's; what has none, or is a float that Arrow would round less well, goes by way of float64
    "string": pa.large_string(),
    "bytes": pa.large_binary(),
    "bool": pa.bool_(),
    **{name: getattr(pa, name)() for name in (*INTEGERS[1:], "uint64")},
}


def fit(batch: Batch, schema: Schema) -> tuple[dict[str, Column], list[Reject]]:
    """The columns of a batch, and the rows that are left out of them, those that the source could not read included.

    Args:
        batch: Rows of a source.
        schema: What they should hold.

    Raises:
        ValueError: The batch lacks a column.
    """
    names = batch.rows.schema.names
    if lacking := schema.features.keys() - set(names):
        raise argument_error(min(lacking), "a feature of the schema", f"one of the columns {', '.join(names)}")
    rows, kept = batch.rows, np.arange(batch.rows.num_rows)  # as numbered in the batch
    rejects = list(batch.rejects)
    while True:  # what is wrong with a row may hide what is wrong with another
        misfits = _Misfits()
        prepared = _prepare_all(rows, schema, misfits)
        if not misfits.rows:
            for name, size in schema.sparse.items():
                _check_sparse(name, size, prepared[name + INDICES], prepared[name + VALUES], misfits)
        if not misfits.rows:
            break
        rejects += [Reject(*batch.place(kept[row]), *found) for row, found in misfits.rows.items()]
        keep = ~np.isin(np.arange(rows.num_rows), list(misfits.rows))
        rows, kept = rows.filter(pa.array(keep)), kept[keep]
    columns: dict[str, Column] = {}
    for name, values in prepared.items():
        columns |= _columns(name, schema.features[name], values)
    return columns, sorted(rejects, key=lambda reject: reject.row)


@dataclass
class _Misfits:
    """Row to the column and what is wrong with it, of which the first finding stays."""

    rows: dict[int, tuple[str, str]] = field(default_factory=dict)

    def add(self, row: int, column: str, problem: str) -> None:
        self.rows.setdefault(row, (column, problem))


@dataclass
class _Values:
    """The values of a feature.

    Attributes:
        leaves: All single values: an array of numbers, or Arrow's of texts.
        steps: Of sequences, where the steps of each row begin.
        parts: Where the values of each row, or step, begin.
        sizes: The sizes of each row's, or step's, value; none of what is stored encoded.
        present: Which rows have the feature, unless all have.
    """

    leaves: Any
    steps: np.ndarray | None
    parts: np.ndarray
    sizes: np.ndarray
    present: np.ndarray | None


def _prepare_all(rows: Any, schema: Schema, misfits: _Misfits) -> dict[str, _Values]:
    return {
        name: _prepare(name, feature, rows.column(rows.schema.get_field_index(name)), misfits)
        for name, feature in schema.features.items()
    }


def _check_sparse(name: str, size: int, indices: _Values, values: _Values, misfits: _Misfits) -> None:
    """Finds rows whose indices are not as many as values, not increasing, or not below the size."""
    places, parts = indices.leaves, indices.parts
    counts, wanted = np.diff(parts), np.diff(values.parts)
    for row in np.flatnonzero(counts != wanted).tolist():
        misfits.add(row, name, f"received {counts[row]} indices and {wanted[row]} values, expected as many")
    wrong = (places < 0) | (places >= size)
    begins = np.zeros(len(places) + 1, "bool")
    begins[parts] = True
    wrong[1:] |= (np.diff(places) <= 0) & ~begins[1:-1]
    for leaf in np.flatnonzero(wrong).tolist():
        row = int(np.searchsorted(parts, leaf, "right")) - 1
        misfits.add(row, name, f"received index {places[leaf]}, expected increasing ones from 0 to {size - 1}")


def _prepare(name: str, feature: Feature, array: Any, misfits: _Misfits) -> _Values:
    """Takes lists apart, and checks types, sizes and what is missing."""
    present = np.asarray(pc.is_valid(array))
    if not feature.optional:
        for row in np.flatnonzero(~present).tolist():
            misfits.add(row, name, "it is missing, and the feature is not optional")
    levels, leaves = _unfold(array, present)
    whole = levels[0]
    for splits in levels[1:]:
        whole = splits[whole]

    def reject(leaf: int, problem: str) -> None:
        misfits.add(int(np.searchsorted(whole, leaf, "right")) - 1, name, problem)

    for leaf in np.flatnonzero(np.asarray(pc.is_null(leaves))).tolist():
        reject(leaf, "a value in it is missing")
    is_file = bool(feature.encoding) and _is_text(leaves.type)
    if feature.dtype == "uint16" and feature.encoding in PICTURES and feature.shape[-1] != 1 and not is_file:
        for row in np.flatnonzero(present).tolist():
            misfits.add(
                row, name, "received numbers, expected a PNG file, as Pillow writes one channel of 16 bits only"
            )
    leaves = _cast(leaves, feature, "bytes" if is_file else feature.dtype, reject)
    if is_file:
        _check_files(leaves, feature, reject)
    steps = None
    if feature.sequence:
        steps, levels = levels[0], levels[1:] or [np.arange(len(leaves) + 1)]
    parts = levels[0]
    for splits in levels[1:]:
        parts = splits[parts]
    sizes = _sizes(() if is_file else feature.shape, levels, parts)
    wanted = () if is_file else feature.shape
    for part in np.flatnonzero(_misshapen(wanted, sizes, np.diff(parts), present if steps is None else None)).tolist():
        row = part if steps is None else int(np.searchsorted(steps, part, "right")) - 1
        known = len(wanted) > 0 and (sizes[part] >= 0).all()
        received = f"shape {_shown(sizes[part].tolist())}" if known else f"{parts[part + 1] - parts[part]} values"
        misfits.add(row, name, f"received {received}, expected shape {_shown(wanted)}")
    return _Values(leaves, steps, parts, sizes, None if present.all() else present)


def _unfold(array: Any, present: np.ndarray) -> tuple[list[np.ndarray], Any]:
    """Where the lists of each level begin in the next one, and the single values."""
    levels = []
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    while pa.types.is_list(array.type) or pa.types.is_large_list(array.type) or pa.types.is_fixed_size_list(array.type):
        lengths = pc.fill_null(pc.list_value_length(array), 0)
        levels.append(_places(np.asarray(lengths)))
        array = array.flatten()
    return (levels, array) if levels else ([_places(present)], array.drop_null())


def _cast(leaves: Any, feature: Feature, dtype: str, reject: Any) -> Any:
    """The values in a type, numbers as an array of NumPy; those that are not of it are rejected.

    Where some are, the array is of the right length, and what is in it does not count.
    """
    nothing = np.zeros(len(leaves))
    written = _is_text(leaves.type) and dtype not in TEXTS
    if written:
        if _reject_uncastable(leaves, pa.large_string(), dtype, reject):
            return nothing
        leaves = pc.utf8_trim_whitespace(leaves.cast(pa.large_string()))
    if feature.labels and written:
        found = pc.index_in(leaves, pa.array(feature.labels, pa.large_string()))
        for leaf in np.flatnonzero(np.asarray(pc.is_null(found))).tolist():
            reject(leaf, f"received {_brief(leaves[leaf].as_py())}, expected one of the {len(feature.labels)} labels")
        return np.asarray(found.fill_null(0)).astype("int64")
    if dtype in TEXTS:
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
        reject(leaf, f"received {_brief(leaves[leaf].as_py())}, which {dtype} cannot hold")
    if feature.labels:
        for leaf in np.flatnonzero((numbers < 0) | (numbers >= len(feature.labels))).tolist():
            reject(leaf, f"received class {numbers[leaf]}, expected one of {len(feature.labels)}")
    return numbers


def _real_numbers(leaves: Any, dtype: str, reject: Any) -> np.ndarray | None:
    """The values as numbers, where they are to be floats perhaps wider than those; none where some are rejected."""
    exact = pa.types.is_integer(leaves.type) and dtype in ("float32", "complex64")  # Arrow then refuses to round them
    target = pa.float32() if exact else TYPES.get(dtype, pa.float64())
    if _reject_uncastable(leaves, target, dtype, reject):
        return None
    cast = leaves.cast(target)
    return np.asarray(cast.fill_null(0) if cast.null_count else cast)


def _complex_numbers(leaves: Any, dtype: str, reject: Any) -> np.ndarray | None:
    """Complex numbers, real ones, and texts such as "1+2j"."""
    if is_complex(leaves.type):
        return complex_from_arrow(leaves)
    if not _is_text(leaves.type):
        return _real_numbers(leaves, dtype, reject)
    numbers = np.zeros(len(leaves), "complex128")
    for leaf, text in enumerate(leaves.to_pylist()):
        try:
            numbers[leaf] = 0 if text is None else complex(text)
        except ValueError:
            reject(leaf, f"received {_brief(text)}, expected {dtype}, such as '1+2j'")
    return numbers


def _reject_uncastable(leaves: Any, target: Any, dtype: str, reject: Any) -> bool:
    """Whether there are values that are not of a type, which are rejected."""
    bad = _uncastable(leaves, target)
    for leaf in bad:
        reject(leaf, f"received {_brief(leaves[leaf].as_py())}, expected {dtype}")
    return bool(bad)


def _check_files(files: Any, feature: Feature, reject: Any) -> None:
    """Rejects bytes that are no file, or no raw value, of the kind and size."""
    for leaf, file in enumerate(files.to_pylist()):
        if file is not None and (problem := _file_problem(file, feature)):
            reject(leaf, problem)


def _file_problem(file: bytes, feature: Feature) -> str:
    """What is wrong with bytes that should be a file; empty where nothing is."""
    if feature.encoding == "wav":
        return "" if file[:4] == b"RIFF" and file[8:12] == b"WAVE" else f"received {_brief(file)}, expected a WAV file"
    if feature.encoding == "raw":
        size = np.dtype(feature.dtype).itemsize * int(np.prod([known for known in feature.shape if known is not None]))
        fits = len(file) == size if None not in feature.shape else size and len(file) % size == 0
        one = feature.shape.count(None) <= 1
        return "" if fits and one else f"received {len(file)} bytes, expected those of shape {_shown(feature.shape)}"
    try:
        with Image.open(io.BytesIO(file)) as picture:
            kind, (width, height) = (picture.format or "").lower(), picture.size
    except (OSError, SyntaxError, ValueError):
        return f"received {_brief(file)}, expected a {_format(feature)} file"
    sizes = zip((height, width), feature.shape[:2], strict=True)
    wrong = kind != feature.encoding and not (feature.encoding == "image" and kind in PICTURES)
    if wrong or any(wanted not in (None, size) for size, wanted in sizes):
        received = f"a {kind.upper()} file of {height} x {width}"
        return f"received {received}, expected {_format(feature)} of shape {_shown(feature.shape)}"
    shallow = feature.dtype == "uint16" and dtype_of(file) != "uint16"
    return "received a file of uint8, expected uint16" if shallow else ""


def _format(feature: Feature) -> str:
    """What files of pictures may be."""
    return "PNG or JPEG" if feature.encoding == "image" else feature.encoding.upper()


def _uncastable(array: Any, target: Any) -> list[int]:
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


def _sizes(shape: tuple[int | None, ...], levels: list[np.ndarray], parts: np.ndarray) -> np.ndarray:
    """The sizes of each part's value, as nested lists say or a flat list allows; -1 where there are none."""
    count = len(parts) - 1
    if len(levels) == len(shape):
        sizes, inside = np.zeros((count, len(shape)), "int64"), np.arange(count + 1)
        for axis, splits in enumerate(levels):
            lengths = np.diff(splits)
            first = np.full(count, shape[axis] or 0)  # an empty list fits whatever its elements would be
            filled = np.diff(inside) > 0
            first[filled] = lengths[inside[:-1][filled]]
            even = np.repeat(first, np.diff(inside)) == lengths[inside[0] : inside[-1]]
            owners = np.repeat(np.arange(count), np.diff(inside))
            sizes[:, axis] = first
            sizes[owners[~even], axis] = -1
            inside = splits[inside]
        return sizes
    sizes = np.tile(np.array([-1 if size is None else size for size in shape], "int64"), (count, 1))
    if shape.count(None) == 1:
        known = int(np.prod([size for size in shape if size is not None]))
        sizes[:, shape.index(None)] = np.diff(parts) // max(known, 1)
    return sizes


def _misshapen(
    shape: tuple[int | None, ...], sizes: np.ndarray, counts: np.ndarray, present: np.ndarray | None
) -> np.ndarray:
    """Which parts are not of a shape; those that are missing are not looked at."""
    wrong = (sizes < 0).any(axis=1) | (np.prod(sizes, axis=1, initial=1) != counts)
    for axis, size in enumerate(shape):
        if size is not None:
            wrong |= sizes[:, axis] != size
    return wrong if present is None else wrong & present


def _columns(name: str, feature: Feature, values: _Values) -> dict[str, Column]:
    """A feature's column, or that of its sizes and that of its values where more than one size varies."""
    leaves, parts, present = values.leaves, values.parts, values.present
    bounds = None
    if not isinstance(leaves, np.ndarray):
        leaves, bounds = _bytes(leaves)
    elif feature.is_raw or feature.encoding in PICTURES:
        # Each part is one value, but for rows that lack the feature.
        there = np.ones(len(parts) - 1, "bool") if present is None or values.steps is not None else present
        if feature.is_raw:
            leaves = leaves.astype(np.dtype(feature.dtype).newbyteorder("<")).view("uint8")
            bounds = np.append(parts[:-1][there], parts[-1]) * np.dtype(feature.dtype).itemsize
        else:
            leaves, bounds = _pictures(feature, leaves, parts[:-1][there], values.sizes[there])
        parts = _places(there)
    else:
        leaves = leaves.astype("float32" if feature.kind == "float" else "int64")
    rows, steps = (values.steps, parts) if values.steps is not None else (parts, None)
    column = Column(feature.kind, np.ascontiguousarray(leaves), rows, bounds, steps, present)
    if not feature.is_shaped:
        return {name: column}
    sizes = np.ascontiguousarray(values.sizes[slice(None) if present is None else present])
    places = np.arange(len(sizes) + 1) if present is None else _places(present)
    shapes = Column("int64", sizes.reshape(-1), places * len(feature.shape), present=present)
    return {name + SHAPE: shapes, name + VALUE: column}


def _bytes(texts: Any) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of texts, and where each begins."""
    _, places, data = texts.buffers()
    bounds = np.frombuffer(places, "int64", len(texts) + 1, texts.offset * 8) if places else np.zeros(1, "int64")
    memory = np.frombuffer(data, "uint8") if data is not None and data.size else np.zeros(0, "uint8")
    return memory[bounds[0] : bounds[-1]], bounds - bounds[0]


def _pictures(
    feature: Feature, pixels: np.ndarray, begins: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures as files, one after the other, and where each begins."""
    files = []
    for begin, size in zip(begins.tolist(), sizes.tolist(), strict=True):
        picture = pixels[begin : begin + int(np.prod(size))].reshape(size)
        file = io.BytesIO()
        Image.fromarray(picture[..., 0] if size[-1] == 1 else picture).save(
            file, "jpeg" if feature.encoding == "jpeg" else "png"
        )
        files.append(file.getvalue())
    return np.frombuffer(b"".join(files), "uint8"), _places(np.array([len(file) for file in files]))


def _is_text(kind: Any) -> bool:
    types = pa.types
    return types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind) or types.is_large_binary(kind)


def _places(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype="int64")])


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."


def _shown(shape: Sequence[int | None]) -> str:
    """A shape as text, such as "(any, 3)"."""
    sizes = ["any" if size is None else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
