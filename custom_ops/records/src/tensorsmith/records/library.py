"""Loading of the compiled library. Its functions receive memory addresses and require validated arguments."""

import ctypes
import os
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tensorsmith.records.column import KINDS, Column
from tensorsmith.records.record import Records

PATH = Path(__file__).parent / "libtensorsmith_records.so"
NOT_BUILT = "not_built.txt"  # the reason, written during installation
NUMBER, ADDRESS, TEXT = ctypes.c_int64, ctypes.c_void_p, ctypes.c_char_p
MESSAGE_SIZE = 400


class CColumn(ctypes.Structure):
    """ctypes structure that corresponds to the struct `Column` of columns.h."""

    _fields_ = (
        ("name", TEXT),
        ("name_size", NUMBER),
        ("kind", NUMBER),
        ("is_sequence", NUMBER),
        ("values", ADDRESS),
        ("bounds", ADDRESS),
        ("steps", ADDRESS),
        ("rows", ADDRESS),
        ("present", ADDRESS),
    )


class CWanted(ctypes.Structure):
    """ctypes structure that corresponds to the struct `TensorsmithWanted` of c_interface.h."""

    _fields_ = (("name", TEXT), ("name_size", NUMBER), ("kind", NUMBER), ("is_sequence", NUMBER))


class CScan(ctypes.Structure):
    """ctypes structure that corresponds to the struct `TensorsmithScan` of c_interface.h."""

    _fields_ = (("records", NUMBER), ("consumed", NUMBER), ("needed", NUMBER), ("damage", NUMBER))


class CFeature(ctypes.Structure):
    """ctypes structure that corresponds to the struct `TensorsmithFeature` of c_interface.h."""

    _fields_ = (
        ("name", ADDRESS),
        ("name_size", NUMBER),
        ("is_sequence", NUMBER),
        ("kinds", NUMBER),
        ("rows", NUMBER),
        ("fewest", NUMBER),
        ("most", NUMBER),
        ("fewest_step", NUMBER),
        ("most_step", NUMBER),
    )


SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "crc32c": (ctypes.c_uint32, [ADDRESS, NUMBER]),
    "scan": (None, [ADDRESS, NUMBER, NUMBER, NUMBER, ADDRESS, ADDRESS, ctypes.POINTER(CScan)]),
    "find": (NUMBER, [ADDRESS, NUMBER]),
    "frame": (None, [ADDRESS, ADDRESS, NUMBER, ADDRESS]),
    "measure": (NUMBER, [ctypes.POINTER(CColumn), NUMBER, NUMBER, NUMBER, ADDRESS, TEXT]),
    "encode": (NUMBER, [ctypes.POINTER(CColumn), NUMBER, NUMBER, NUMBER, ADDRESS, ADDRESS, TEXT]),
    "open": (NUMBER, [ctypes.POINTER(CWanted), NUMBER, ADDRESS, ADDRESS, NUMBER, ADDRESS, TEXT]),
    "check": (NUMBER, [ADDRESS, ADDRESS, NUMBER, TEXT]),
    "close": (None, [ADDRESS]),
    "survey": (NUMBER, [ADDRESS, ADDRESS, NUMBER, ADDRESS, ADDRESS, TEXT]),
    "surveyed": (None, [ADDRESS, ctypes.POINTER(CFeature)]),
    "close_survey": (None, [ADDRESS]),
    "counts": (None, [ADDRESS, NUMBER, ADDRESS, ADDRESS]),
    "step_counts": (None, [ADDRESS, NUMBER, ADDRESS]),
    "floats": (None, [ADDRESS, NUMBER, ADDRESS, ADDRESS]),
    "integers": (None, [ADDRESS, NUMBER, ADDRESS, ADDRESS]),
    "bytes": (None, [ADDRESS, NUMBER, ADDRESS, ADDRESS]),
    "gather": (None, [ADDRESS, NUMBER, ADDRESS]),
}


@cache
def library() -> SimpleNamespace | None:
    """Returns the compiled functions, or `None` if they are disabled or missing. Warns once if they are missing."""
    if os.environ.get("TENSORSMITH_OPS") == "reference":
        return None
    path = Path(os.environ.get("TENSORSMITH_RECORDS_LIBRARY") or PATH)
    try:
        loaded, functions = ctypes.CDLL(str(path)), SimpleNamespace()
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(loaded, f"tensorsmith_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(functions, name, function)
    except (OSError, AttributeError) as error:
        reason_file = path.with_name(NOT_BUILT)
        reason = reason_file.read_text().strip() if reason_file.exists() else error
        warnings.warn(
            f"tensorsmith reads and writes records in pure Python, which is slow: {reason}. To fix this, install a C++ "
            "compiler (apt install g++) and then the package tensorsmith-records again on this machine, or set "
            "TENSORSMITH_OPS=reference to use the reference implementations without this warning.",
            RuntimeWarning,
            stacklevel=3,
        )
        return None
    return functions


def available() -> bool:
    """Returns `True` if the compiled library is in use."""
    return library() is not None


def address(array: np.ndarray | None) -> int | None:
    """Returns the memory address of an array. The caller must keep a reference to the array."""
    return None if array is None else array.ctypes.data


def addresses(records: Records) -> np.ndarray:
    """Returns the memory address of each record. The caller must keep a reference to the records."""
    return records.begins + records.data.ctypes.data


def c_columns(columns: Mapping[str, Column]) -> ctypes.Array[CColumn]:
    """Converts columns to C structs, sorted in the serialization order of protocol buffer maps."""
    named = sorted((name.encode(), column) for name, column in columns.items())
    filled = [
        CColumn(
            name,
            len(name),
            KINDS.index(column.kind) + 1,
            column.steps is not None,
            address(column.values),
            address(column.bounds),
            address(column.steps),
            address(column.rows),
            address(column.present),
        )
        for name, column in named
    ]
    return (CColumn * len(filled))(*filled)
