"""Files with the inputs of models, with labeled examples, and with predictions."""

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorsmith.core import UnreadableFileError, Verbatim, argument_error, check, did_you_mean, replace_file
from tensorsmith.core.types import Dataset, NestedArrays
from tensorsmith.recipes.media_inputs import is_media, read_media

if TYPE_CHECKING:
    import keras

    from tensorsmith.data.datasets.table_files import Table
    from tensorsmith.tfrecord import Schema

EXAMPLES = ("x", "y", "sample_weight")


@dataclass(frozen=True)
class Predictions:
    """Outputs of a model for the examples in a file or folder.

    Attributes:
        outputs: Outputs of the model.
        classes: Names of the classes, or an empty tuple if they are unknown.
        files: Names of the image files, one for each example, or an empty tuple for other inputs.
    """

    outputs: NestedArrays
    classes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def read_inputs(
    path: Path, model: "keras.Model", columns: Sequence[str] = (), schema: "Schema | None" = None
) -> tuple[NestedArrays | Dataset, tuple[str, ...]]:
    """Return the inputs of a model that a file or folder contains, and the names of the files if they are images.

    See `read_media` for images and TFRecord files. A `.npy` file contains the array of the only input, and a `.npz`
    file contains an array for each input, or one array `x`. From a CSV, TSV or Parquet file, the columns that are named
    like the inputs are read. If the model has only one input, and it is not a column, the given columns or, if the
    table lacks one of them, all columns become the features of this input, and must be numbers.

    Cells of a table are read as in the training data if their schema is known. Otherwise, numbers with thousands
    separators, dates, and "yes" and "no" are recognized as by `tensorsmith tfrecord infer`.

    Args:
        path: Path of the file or folder.
        model: Model that processes the inputs.
        columns: Names of the columns of the data with which the model was trained.
        schema: Schema of the table with which the model was trained, if it was one.

    Raises:
        ValueError: If the file cannot be read, or does not contain the inputs.
    """
    special = path.exists() and not (path.is_file() or path.is_dir())  # reading a named pipe would block
    check(not special, "input", Verbatim(f"{path}, a named pipe, socket or device"), "a file or folder")
    return read_media(path, model, columns) if is_media(path) else (_read_arrays(path, model, columns, schema), ())


def _read_arrays(path: Path, model: "keras.Model", columns: Sequence[str], schema: "Schema | None") -> NestedArrays:
    """Return the inputs in a NumPy file or a table."""
    names = _input_names(model)
    if path.suffix == ".npy":
        return _checked(_load(path), model)
    if path.suffix != ".npz":
        return _read_table(path, model, columns, schema)
    arrays = _load(path)
    if len(names) > 1 or set(names) & set(arrays):
        _check_names(path, arrays, model)
        return _named(path, {name: arrays[name] for name in names}, model)
    received = Verbatim(f"{path} with the arrays {', '.join(arrays)}")
    check("x" in arrays, "input", received, "a file with the array x")
    return _checked(arrays["x"], model)


def _read_table(path: Path, model: "keras.Model", columns: Sequence[str], schema: "Schema | None") -> NestedArrays:
    """Return the inputs in a table, in which missing numbers are NaN and missing strings are empty."""
    from tensorsmith.data.datasets.table_files import read_table  # imports pyarrow
    from tensorsmith.tfrecord import Feature

    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    expected = "an image, a folder, a TFRecord file, or a .npy, .npz, .csv, .tsv or .parquet file"
    check(kind in ("csv", "tsv", "parquet"), "input", str(path), expected)
    table = read_table(path, "input", schema)
    if schema is None:
        remedy = "write numbers without thousands separators, and with a decimal point"
        expected = "a table of numbers whose commas have a single meaning"
        check(not table.doubtful_number, "input", Verbatim(f"{table.doubtful_number} of {path}"), expected, remedy)
    names = _input_names(model)
    if len(names) > 1 or set(names) & set(table.names):
        _check_names(path, table.names, model)
        texts = {tensor.name for tensor in _inputs(model) if tensor.dtype == "string"}
        _check_numbers(path, table, [name for name in names if name not in texts])
        features = {name: Feature("string") for name in texts}  # such as codes that consist of digits
        return _named(path, {name: table.column(name, features.get(name)) for name in names}, model)
    missing = [name for name in columns if name not in table.names]
    if schema is not None and missing:
        received = Verbatim(f"{path} with the columns {', '.join(table.names)}")
        expected = f"a table with the columns of the training data, {', '.join(columns)}"
        raise argument_error("input", received, expected, did_you_mean(missing[0], table.names))
    # The table may have other columns, such as the labels.
    chosen = columns if columns and set(columns) <= set(table.names) else table.names
    _check_numbers(path, table, chosen)
    received = Verbatim(f"shape ({table.count}, {len(chosen)})")
    check(table.count > 0, "input", received, "an array of examples")
    return _checked(np.stack([table.column(name).astype("float32") for name in chosen], axis=1), model)


def _check_numbers(path: Path, table: "Table", names: Sequence[str]) -> None:
    """Raise an error if columns of a table that must be numbers are strings."""
    strings = [name for name in names if table.schema.features[name].dtype == "string"]
    received = Verbatim(f"strings in the column {' and '.join(map(table.describe, strings))} of {path}")
    remedy = "correct these cells, leave missing ones empty, and write dates as 2024-12-31"
    check(not strings, "input", received, "a table of numbers in the columns that the model reads as numbers", remedy)


def read_examples(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays `x`, `y` and, if it exists, `sample_weight` of a NumPy file.

    Raises:
        ValueError: If the file cannot be read or contains other arrays.
    """
    received = Verbatim(f"{path}")
    check(path.suffix == ".npz", "data", received, "a .npz file", "write it with `numpy.savez(path, x=x, y=y)`")
    arrays: dict[str, np.ndarray] = _load(path)
    received = Verbatim(f"{path} with the arrays {', '.join(arrays)}")
    fits = {"x", "y"} <= arrays.keys() <= set(EXAMPLES)
    check(fits, "data", received, "a file with the arrays x, y and, optionally, sample_weight")
    return arrays


def check_target(path: Path) -> None:
    """Raise an error if predictions cannot be written to a path.

    Raises:
        ValueError: If the suffix is not supported.
        FileNotFoundError: If the folder does not exist.
    """
    check(path.suffix in (".npy", ".npz", ".csv"), "--out", str(path), "a .npy, .npz or .csv file")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"{path}: no such folder")


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write predictions to a `.npy`, `.npz` or `.csv` file. Only the latter contains the names of classes and files.

    Raises:
        ValueError: If the suffix is another one, or if the format does not support the shapes.
    """
    named = _flatten(predictions.outputs)
    check_target(path)
    with replace_file(path) as draft:
        if path.suffix == ".npz":
            np.savez(draft, **named)  # type: ignore[arg-type]
        elif path.suffix == ".npy":
            check(len(named) == 1, "--out", str(path), "a .npz file for a model with several outputs")
            np.save(draft, next(iter(named.values())))
        else:
            draft.write_text(to_csv(predictions))


def to_csv(predictions: Predictions) -> str:
    """Return predictions as CSV, with a row for each example.

    If the classes are known, the columns are the outputs by class, and the name of the predicted class.

    Raises:
        ValueError: If an output has more than one axis besides that of the examples.
    """
    columns: dict[str, Any] = {"file": predictions.files} if predictions.files else {}
    outputs, classes = _flatten(predictions.outputs), predictions.classes
    for name, values in outputs.items():
        received = Verbatim(f"shape {values.shape}")
        check(
            values.ndim <= 2, name, received, "an array of at most 2 axes in order to write CSV", "pass --out FILE.npz"
        )
        parts = values.reshape(len(values), -1).T
        by_class = len(parts) == len(classes) or (len(parts), len(classes)) == (1, 2)
        if by_class and len(outputs) == 1:
            # A model with a single output returns the probability of the second of two classes.
            chosen = parts.argmax(axis=0) if len(parts) > 1 else (parts[0] > 0.5).astype(int)
            columns |= dict(zip(classes[-len(parts) :], parts, strict=True))
            columns["predicted"] = [classes[index] for index in chosen]
        else:
            columns |= {f"{name}_{i}" if len(parts) > 1 else name: part for i, part in enumerate(parts)}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def _flatten(predictions: NestedArrays) -> dict[str, np.ndarray]:
    """Return the outputs of a model as a dict."""
    if isinstance(predictions, Mapping):
        return {str(name): np.asarray(values) for name, values in predictions.items()}
    if isinstance(predictions, list | tuple):
        return {f"output_{i}": np.asarray(values) for i, values in enumerate(predictions)}
    return {"prediction": np.asarray(predictions)}


def _load(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            return {name: np.asarray(loaded[name]) for name in loaded} if path.suffix == ".npz" else np.asarray(loaded)
    except Exception as error:
        expected = argument_error("file", str(path), "a readable NumPy file", str(error))
        raise UnreadableFileError.like(expected) from error


def _checked(array: np.ndarray, model: "keras.Model") -> np.ndarray:
    """Return an array, after checking that its shape is that of the only input of a model."""
    check(array.ndim > 0 and len(array) > 0, "input", Verbatim(f"shape {array.shape}"), "an array of examples")
    if array.dtype.kind == "f":
        # Layers such as ReLU turn NaN into numbers, so that the predictions would look valid.
        rows = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
        where = f", first in example {rows[0] + 1}" if len(rows) else ""
        received = Verbatim(f"missing or infinite values in {len(rows)} examples{where}")
        check(len(rows) == 0, "input", received, "finite", "remove these examples, or fill in the values")
    inputs = _inputs(model)
    if not inputs:
        return array
    names = ", ".join(_input_names(model))
    check(len(inputs) == 1, "input", Verbatim("a single array"), f"a file with the inputs {names} of the model")
    _check_dtype(array, inputs[0])
    shape = inputs[0].shape
    fits = array.ndim == len(shape) and all(
        size in (None, given) for size, given in zip(shape[1:], array.shape[1:], strict=True)
    )
    expected = f"an array of shape (examples, {', '.join(map(str, shape[1:]))})"
    check(fits, "input", Verbatim(f"shape {array.shape}"), expected)
    return array


def _inputs(model: "keras.Model") -> list[Any]:
    """Return the inputs of a model, or an empty list for a subclassed model."""
    return list(getattr(model, "inputs", None) or [])


def _input_names(model: "keras.Model") -> list[str]:
    return [str(tensor.name) for tensor in _inputs(model)]


def _check_names(path: Path, columns: Collection[str], model: "keras.Model") -> None:
    """Raise an error if a file lacks an input of a model."""
    names = _input_names(model)
    missing = [name for name in names if name not in columns]
    if missing:
        received = Verbatim(f"{path} with the columns {', '.join(columns)}")
        expected = f"a file that contains the inputs {', '.join(names)} of the model"
        raise argument_error("input", received, expected, did_you_mean(missing[0], columns))


def _named(path: Path, columns: dict[str, np.ndarray], model: "keras.Model") -> dict[str, np.ndarray]:
    """Return columns that are named like the inputs of a model, after checking their values."""
    check(len(next(iter(columns.values()))) > 0, "input", Verbatim(f"{path} without rows"), "a file with examples")
    for tensor in _inputs(model):
        values = columns[tensor.name]
        _check_dtype(values, tensor)
        if tensor.dtype.startswith(("int", "uint", "bool")) and values.dtype.kind == "f":
            # A cast to integers would replace missing values by a number.
            rows = np.flatnonzero(np.isnan(values.reshape(len(values), -1)).any(axis=1))
            received = Verbatim(f"{len(rows)} missing values, first in row {rows[0] + 1 if len(rows) else 0} of {path}")
            expected = f"a file without missing values of the input {tensor.name}, whose dtype is {tensor.dtype}"
            check(len(rows) == 0, "input", received, expected, "remove these rows, or fill in the values")
    return columns


def _check_dtype(array: np.ndarray, tensor: Any) -> None:
    """Raise an error if an input is not numeric, or, for an input of strings, does not consist of strings."""
    kinds, expected = ("biuf", "numbers") if tensor.dtype != "string" else ("USO", "strings")
    received = Verbatim(f"an array of the dtype {array.dtype}")
    supported = array.dtype.kind in kinds and (array.dtype.itemsize <= 8 or array.dtype.kind not in "biuf")
    check(supported, "input", received, f"an array of {expected} for the input {tensor.name}")
