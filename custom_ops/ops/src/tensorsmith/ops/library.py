"""Loading of the compiled op library, and the number of threads that its ops use."""

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
NOT_BUILT = "not_built.txt"  # the reason, written during installation
REBUILD = "install a C++ compiler (apt install g++) and then this package again on this machine"


class CannotLoadError(Exception):
    """Error raised if the library cannot be loaded, with the reason and a remedy."""

    def __init__(self, reason: str, remedy: str = REBUILD):
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


class Library(NamedTuple):
    """Result of loading the compiled library: its ops and instruction set, or the reason for a failure.

    Args:
        ops: Module that contains the compiled ops. `None` if the library is not loaded.
        level: Instruction set in use: "avx512", "avx2" or "baseline".
        levels: Tuple of the instruction sets that this machine supports, in descending order of speed.
        reason: Reason why the library is not loaded. Empty if it is loaded.
    """

    ops: Any
    level: str
    levels: tuple[str, ...]
    reason: str


def library_path() -> Path:
    """Returns the path of the library file. The environment variable `TENSORSMITH_OPS_LIBRARY` overrides it."""
    return Path(os.environ.get("TENSORSMITH_OPS_LIBRARY") or FOLDER / NAME)


@cache
def library() -> Library:
    """Returns the compiled library, loaded on the first call. If loading fails, a warning is issued once."""
    try:
        return _load(library_path())
    except CannotLoadError as error:
        reason, remedy = error.reason, error.remedy
    message = (
        f"tensorsmith's compiled ops are off and TensorFlow reference implementations are used instead: {reason} "
        f"(tensorsmith-ops {importlib.metadata.version('tensorsmith-ops')} for TensorFlow 2.18 and later, "
        f"TensorFlow {tf.__version__}, {platform.machine()}). To fix this, {remedy}, "
        "or set TENSORSMITH_OPS=reference to use the reference implementations without this warning."
    )
    warnings.warn(message, RuntimeWarning, stacklevel=3)
    return Library(None, "", (), reason)


def _load(path: Path) -> Library:
    """Loads the compiled library from a file.

    Raises:
        CannotLoadError: If the file is missing, or incompatible with this machine or this version of TensorFlow.
    """
    if not path.exists():
        reason_file = path.with_name(NOT_BUILT)
        missing = f"there is no {path.name} in {path.parent}"
        raise CannotLoadError(reason_file.read_text().strip() if reason_file.exists() else missing)
    try:
        ops = tf.load_op_library(str(path))
    except tf.errors.OpError as error:
        raise CannotLoadError(error.message) from None
    functions = ctypes.CDLL(str(path))
    if not hasattr(functions, "tensorsmith_level"):
        raise CannotLoadError(f"{path} is a different library", "unset TENSORSMITH_OPS_LIBRARY")
    functions.tensorsmith_level.restype = functions.tensorsmith_levels.restype = ctypes.c_char_p
    level, levels = functions.tensorsmith_level().decode(), functions.tensorsmith_levels().decode()
    if not level:
        wanted = os.environ.get("TENSORSMITH_OPS_LEVEL")
        runs = f"this machine runs {levels.replace(' ', ', ')}"
        raise CannotLoadError(f"TENSORSMITH_OPS_LEVEL is {wanted!r}, and {runs}", "unset TENSORSMITH_OPS_LEVEL")
    functions.tensorsmith_set_threads(tf.config.threading.get_intra_op_parallelism_threads())  # 0: all cores
    return Library(ops, level, tuple(levels.split()), "")


def set_threads(count: int) -> None:
    """Sets the number of threads that the compiled ops use. Results do not depend on this number.

    Args:
        count: Number of threads. If 0, all cores available to this process are used.

    Raises:
        ValueError: If `count` is not an integer in `[0, 65536)`.
    """
    check(
        isinstance(count, int) and 0 <= count < 2**16,
        "count",
        count,
        "a number of threads from 1 to 65535, or 0 for all cores",
    )
    if library().ops is not None:
        ctypes.CDLL(str(library_path())).tensorsmith_set_threads(count)
