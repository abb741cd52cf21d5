"""Loading the compiled library, and saying clearly why it is not there."""

import ctypes
import importlib.metadata
import os
import platform
import warnings
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from tensorsmith.core import check

FOLDER = Path(__file__).parent
NAME = "libtensorsmith_ops.so"
NOT_BUILT = "not_built.txt"  # why, written by the installation
REBUILD = "install a C++ compiler (apt install g++) and then this package again on this machine"


class CannotLoadError(Exception):
    """Why the library cannot be loaded, and the remedy."""

    def __init__(self, reason: str, remedy: str = REBUILD):
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


class Library(NamedTuple):
    """The library as loaded, or why it is not.

    Args:
        ops: The compiled ops as functions; None without the library.
        level: The instruction set in use: avx512, avx2 or baseline.
        levels: Those that this machine can run, best first.
        reason: Why there is no library; empty with it.
    """

    ops: Any
    level: str
    levels: tuple[str, ...]
    reason: str


def library_path() -> Path:
    """The library's file; the environment variable `TENSORSMITH_OPS_LIBRARY` names another."""
    return Path(os.environ.get("TENSORSMITH_OPS_LIBRARY") or FOLDER / NAME)


@cache
def library() -> Library:
    """The compiled library, loaded at the first call. Where it cannot be loaded, a warning says why, once."""
    try:
        return _load(library_path())
    except CannotLoadError as error:
        reason, remedy = error.reason, error.remedy
    message = (
        f"tensorsmith's compiled ops are off, and plain TensorFlow takes over: {reason} "
        f"(tensorsmith-ops {importlib.metadata.version('tensorsmith-ops')} for TensorFlow 2.18 and later, "
        f"TensorFlow {tf.__version__}, {platform.machine()}). Remedy: {remedy}, "
        "or set TENSORSMITH_OPS=reference to do without and without warning."
    )
    warnings.warn(message, RuntimeWarning, stacklevel=3)
    return Library(None, "", (), reason)


def _load(path: Path) -> Library:
    """Loads a library file.

    Raises:
        CannotLoadError: It is missing, is not for this machine, or does not fit this TensorFlow.
    """
    if not path.exists():
        note = path.with_name(NOT_BUILT)
        missing = f"there is no {path.name} in {path.parent}"
        raise CannotLoadError(note.read_text().strip() if note.exists() else missing)
    try:
        ops = tf.load_op_library(str(path))
    except tf.errors.OpError as error:
        raise CannotLoadError(error.message) from None
    functions = ctypes.CDLL(str(path))
    if not hasattr(functions, "tensorsmith_level"):
        raise CannotLoadError(f"{path} is another library", "unset TENSORSMITH_OPS_LIBRARY")
    functions.tensorsmith_level.restype = functions.tensorsmith_levels.restype = ctypes.c_char_p
    level, levels = functions.tensorsmith_level().decode(), functions.tensorsmith_levels().decode()
    if not level:
        wanted = os.environ.get("TENSORSMITH_OPS_LEVEL")
        runs = f"this machine runs {levels.replace(' ', ', ')}"
        raise CannotLoadError(f"TENSORSMITH_OPS_LEVEL is {wanted!r}, and {runs}", "unset TENSORSMITH_OPS_LEVEL")
    functions.tensorsmith_set_threads(tf.config.threading.get_intra_op_parallelism_threads())  # 0: all cores
    return Library(ops, level, tuple(levels.split()), "")


def set_threads(count: int) -> None:
    """Sets how many threads the compiled ops share their work among; results do not depend on it.

    Args:
        count: A positive number; 0 takes all cores that this process may use.

    Raises:
        ValueError: Another count.
    """
    check(isinstance(count, int) and 0 <= count < 2**16, "count", count, "a number of threads, or 0 for all cores")
    if library().ops is not None:
        ctypes.CDLL(str(library_path())).tensorsmith_set_threads(count)
