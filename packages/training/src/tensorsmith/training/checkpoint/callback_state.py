"""State of callbacks during training, such as patience counters, best values and best weights."""

import copy
import inspect
import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tensorsmith.core import printable

NOT_KEPT = ("params", "_model", "min_delta")  # set in each run; Keras changes the sign of `min_delta` on first use
KEPT_OF_TENSORBOARD = ("_global_train_batch",)  # the others describe open files and traces of this process
# Strings that are not kept: a checkpoint of somebody else could make a callback write to another file.
PATH = re.compile(r"[/\\\\]|^[.~]|\.[A-Za-z]\w*$")
NAME_OF_PATH = re.compile(r"file|path|dir|folder|root|url|(?:^|_)log", re.IGNORECASE)

LARGEST = 2**63 - 1  # absolute value of an integer that TensorFlow represents

log = logging.getLogger("tensorsmith.training")


class CallbackState:
    """Attributes of callbacks whose values have changed since the start of training.

    Only serializable values are included: JSON values, NumPy arrays, and lists of arrays, as in `EarlyStopping`,
        `ReduceLROnPlateau` and `ModelCheckpoint` of Keras. Strings that look like paths of files are excluded. An
        unchanged attribute keeps the value of the callback in the new run, so that a run can for example be resumed
        with more patience.

    Args:
        callbacks: Sequence of the callbacks of the training run. A run may be resumed with additional callbacks.
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        self._callbacks: dict[str, keras.callbacks.Callback] = {}
        for callback in callbacks:
            kind = type(callback).__name__
            number = sum(key.partition("#")[0] == kind for key in self._callbacks)
            self._callbacks[f"{kind}#{number}"] = callback
        self._before = {key: _remembered(callback) for key, callback in self._callbacks.items()}

    def plain(self) -> dict[str, dict[str, Any]]:
        """Returns a dict of the changed JSON-serializable attributes of each callback."""
        return {
            key: {name: value for name, value in changed.items() if not _is_arrays(value)}
            for key, changed in self._changed().items()
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns a dict of the changed attributes that are arrays or lists of arrays."""
        found = {}
        for key, changed in self._changed().items():
            for name, value in changed.items():
                if isinstance(value, np.ndarray):
                    found[f"callbacks/{key}/{name}/"] = value
                elif _is_arrays(value):
                    found.update({f"callbacks/{key}/{name}/{i:04d}": array for i, array in enumerate(value)})
        return found

    def restore(self, plain: Mapping[str, Mapping[str, Any]], arrays: Mapping[str, np.ndarray]) -> None:
        """Restores saved attribute values of callbacks. If a callback is missing in this run, a warning is logged.

        Values that this class would not have saved are not restored: somebody else may have written the checkpoint.
        """
        for key in plain.keys() - self._callbacks.keys():
            log.warning(
                "the checkpoint has the state of callback %s, which is not part of this run",
                printable(key.partition("#")[0]),
            )
        saved = {key: dict(plain.get(key, {})) for key in self._callbacks}
        for path in sorted(path for path in arrays if path.startswith("callbacks/")):
            _, key, name, position = [*path.split("/"), "", "", ""][:4]
            if key in saved and position:
                known = saved[key].get(name)
                saved[key][name] = [*(known if position != "0000" and isinstance(known, list) else []), arrays[path]]
            elif key in saved:
                saved[key][name] = arrays[path]
        for key, callback in self._callbacks.items():
            for name, value in self._before[key].items():
                setattr(callback, name, value)
            for name, value in saved[key].items():
                if _may_replace(callback, name, value):
                    setattr(callback, name, value)
                else:
                    kind = type(callback).__name__
                    log.warning("the attribute %s of %s is not restored from the checkpoint", printable(name), kind)

    def _changed(self) -> dict[str, dict[str, Any]]:
        changed = {}
        for key, callback in self._callbacks.items():
            before = self._before[key]
            now = _remembered(callback)
            changed[key] = {
                name: value for name, value in now.items() if name not in before or not _same(before[name], value)
            }
        return changed


def _remembered(callback: keras.callbacks.Callback) -> dict[str, Any]:
    values = {name: value for name, value in vars(callback).items() if _is_state(callback, name)}
    kept = {name: value for name, value in values.items() if _is_arrays(value) or _is_plain(value)}
    return {name: copy.deepcopy(value) for name, value in kept.items() if not _has_path(name, value)}


def _is_state(callback: keras.callbacks.Callback, name: str) -> bool:
    """Returns `True` if an attribute can change during training. Callbacks of Keras do not change their arguments."""
    kind = type(callback)
    if kind is keras.callbacks.TensorBoard:
        return name in KEPT_OF_TENSORBOARD
    is_argument = kind.__module__.startswith("keras.") and name in inspect.signature(kind).parameters
    return name not in NOT_KEPT and not is_argument


def _may_replace(callback: keras.callbacks.Callback, name: str, value: Any) -> bool:
    """Returns `True` if a value in a checkpoint may become that of an attribute, which has a value of the same kind.

    Attributes that do not exist yet may be created. The kinds of `None` and another value count as the same.
    """
    if not name.isidentifier() or name.startswith("__") or not _is_state(callback, name) or _has_path(name, value):
        return False
    before = inspect.getattr_static(callback, name, None)  # does not call properties
    if isinstance(before, str) and _has_path(name, before):
        return False
    kinds = {_kind(before), _kind(value)}
    return "other" not in kinds and len(kinds - {"none"}) <= 1


def _kind(value: Any) -> str:
    if value is None:
        return "none"
    if _is_arrays(value):
        parts = value if isinstance(value, list | tuple) else [value]
        return "other" if any(part.dtype.kind in "OSU" for part in parts) else "arrays"
    if isinstance(value, bool | np.bool_):
        return "boolean"
    if isinstance(value, int | float | np.number):
        return "other" if isinstance(value, int) and abs(value) > LARGEST else "number"
    return next((kind.__name__ for kind in (str, list, dict) if isinstance(value, kind)), "other")


def _has_path(name: str, value: Any) -> bool:
    """Returns `True` if an attribute is a string, or contains strings, that could be the path of a file."""
    if isinstance(value, str):
        return bool(NAME_OF_PATH.search(name) or PATH.search(value))
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_has_path(name, part) for part in parts)


def _is_arrays(value: Any) -> bool:
    several = isinstance(value, list | tuple) and bool(value) and all(isinstance(item, np.ndarray) for item in value)
    return several or isinstance(value, np.ndarray)


def _is_plain(value: Any) -> bool:
    """Returns `True` if JSON serialization preserves a value. NumPy numbers are also accepted."""
    if isinstance(value, np.generic):
        return True
    try:
        return bool(_same(json.loads(json.dumps(value)), value))
    except (TypeError, ValueError, RecursionError):
        return False


def _same(one: Any, other: Any) -> bool:
    if _is_arrays(one) or _is_arrays(other):
        alike = type(one) is type(other) and len(one) == len(other)
        return alike and all(map(np.array_equal, one, other))
    return type(one) is type(other) and bool(one == other or (one != one and other != other))
