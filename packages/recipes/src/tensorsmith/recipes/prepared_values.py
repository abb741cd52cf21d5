"""Storage of the values that a recipe prepares: Keras models, arrays, JSON values and objects that can be saved."""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tensorsmith.core import UnreadableFileError, Verbatim, argument_error, check, read_text, register, replace_file

INDEX = "values.json"
LARGEST_INDEX = 5_000_000  # bytes
EXPECTED = "a Keras model or layer, NumPy arrays, a JSON value, or an object with `save` and `load`"


def save_values(values: Mapping[str, Any], folder: Path, classes: Mapping[str, Any]) -> None:
    """Write values to a folder.

    Args:
        values: Mapping from names to values: a Keras model or layer, a NumPy array or a mapping from names to arrays, a
            value that JSON can represent, or an object with a method `save(path)` and a class method `load(path)`.
        folder: Existing folder.
        classes: Mapping from names to the classes of such objects, such as the variables of the module of a recipe.

    Raises:
        ValueError: If a value is of another type, and the message names the key, or if the JSON values are too large.
    """
    check(isinstance(values, Mapping), "prepare", values, "return a mapping from names to values")
    index = {}
    for name, value in values.items():
        check(
            isinstance(name, str) and name.isidentifier(),
            "prepare",
            name,
            "return a mapping whose keys are identifiers",
        )
        index[name] = _save(name, value, folder, classes)
    text = json.dumps(index, indent=2) + "\n"  # ASCII characters
    expected, remedy = f"at most {LARGEST_INDEX:,} bytes of JSON values", "return large values as NumPy arrays"
    check(len(text) <= LARGEST_INDEX, "prepare", Verbatim(f"{len(text):,} bytes"), expected, remedy)
    with replace_file(folder / INDEX) as draft:
        draft.write_text(text)


def load_values(folder: Path, classes: Mapping[str, Any], trust: bool = False) -> dict[str, Any]:
    """Return the values that `save_values` has written.

    Args:
        folder: Folder of the values.
        classes: Mapping from names to classes, as for `save_values`.
        trust: If `True`, models may contain code, such as Lambda layers.

    Raises:
        UnreadableFileError: If a file is damaged.
    """
    try:
        index = json.loads(read_text(folder / INDEX, LARGEST_INDEX))
        return {name: _load(name, entry, folder, classes, trust) for name, entry in index.items()}
    except Exception as error:  # the errors of Keras and NumPy for damaged files are of all types
        raise damaged(folder, error) from error


def damaged(folder: Path, error: Exception, expected: str = "a folder of intact files") -> UnreadableFileError:
    """Return the error for prepared values that cannot be loaded or used."""
    reason = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    remedy = "remove the folder to prepare the recipe again"
    return UnreadableFileError.like(argument_error("prepared", Verbatim(f"{folder} ({reason})"), expected, remedy))


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file of unknown origin that `numpy.savez` has written.

    `savez` does not compress arrays, and a file whose arrays are larger than the file itself is refused.

    Raises:
        Exception: If the file is damaged. The errors of NumPy for such files are of all types.
    """
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > path.stat().st_size:
        raise ValueError(f"{path.name} has compressed arrays, which need {size:,} bytes")
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def _save(name: str, value: Any, folder: Path, classes: Mapping[str, Any]) -> dict[str, Any]:
    """Write one value, and return its entry in the index."""
    import keras

    if isinstance(value, keras.Layer):  # also a model
        with replace_file(folder / f"{name}.keras") as draft:
            keras.saving.save_model(value, draft)
        return {"kind": "model"}
    if isinstance(value, np.ndarray) or _is_arrays(value):
        with replace_file(folder / f"{name}.npz") as draft:
            np.savez(draft, **(value if isinstance(value, Mapping) else {"array": value}))
        return {"kind": "arrays" if isinstance(value, Mapping) else "array"}
    if hasattr(value, "save") and hasattr(type(value), "load"):
        kind = type(value)
        remedy = f"import {kind.__name__} at the top of the recipe"
        check(
            classes.get(kind.__name__) is kind, f"prepare: {name}", Verbatim(f"an object of {kind}"), EXPECTED, remedy
        )
        value.save(folder / name)
        return {"kind": "object", "class": kind.__name__}
    try:
        return {"kind": "json", "value": json.loads(json.dumps(value, allow_nan=True))}
    except (TypeError, ValueError) as error:
        raise argument_error(f"prepare: {name}", Verbatim(f"a value of {type(value)}"), EXPECTED) from error


def _is_arrays(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(each, np.ndarray) for each in value.values())


def _load(name: str, entry: Mapping[str, Any], folder: Path, classes: Mapping[str, Any], trust: bool) -> Any:
    """Return one value. An index from elsewhere cannot name code, or files outside of the folder."""
    import keras

    if not name.isidentifier():
        raise ValueError(f"the name {name!r} is not an identifier")
    match entry["kind"]:
        case "model":
            register()  # a model may contain layers and functions that the recipe does not import
            return keras.saving.load_model(folder / f"{name}.keras", compile=False, safe_mode=not trust)
        case "array" | "arrays" as stored:
            arrays = load_arrays(folder / f"{name}.npz")
            return arrays["array"] if stored == "array" else arrays
        case "object":
            kind = classes[entry["class"]]
            load: Callable[[Path], Any] | None = getattr(kind, "load", None)
            if not isinstance(kind, type) or load is None:
                raise ValueError(f"{kind} is not a class with a method `load`")
            return load(folder / name)
        case _:
            return entry["value"]
