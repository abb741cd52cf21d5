"""State of callbacks during training, such as patience counters, best values and best weights."""

import copy
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

NOT_KEPT = ("params", "_model", "min_delta")  # set in each run; Keras changes the sign of `min_delta` on first use

log = logging.getLogger("tensorsmith.training")


class CallbackState:
    """Attributes of callbacks whose values have changed since the start of training.

    Only serializable values are included: JSON values, NumPy arrays, and lists of arrays, as in `EarlyStopping`,
        `ReduceLROnPlateau` and `ModelCheckpoint` of Keras. An unchanged attribute keeps the value of the callback in
        the new run, so that a run can for example be resumed with more patience.

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
        """Restores saved attribute values of callbacks. If a callback is missing in this run, a warning is logged."""
        for key in plain.keys() - self._callbacks.keys():
            log.warning(
                "the checkpoint has the state of callback %s, which is not part of this run", key.partition("#")[0]
            )
        values = {key: {**self._before[key], **plain.get(key, {})} for key in self._callbacks}
        for path in sorted(path for path in arrays if path.startswith("callbacks/")):
            _, key, name, position = path.split("/")
            if key in values and position:
                known = values[key].get(name) if position != "0000" else None
                values[key][name] = [*(known or []), arrays[path]]
            elif key in values:
                values[key][name] = arrays[path]
        for key, attributes in values.items():
            for name, value in attributes.items():
                setattr(self._callbacks[key], name, value)

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
    values = {name: value for name, value in vars(callback).items() if name not in NOT_KEPT}
    return {name: copy.deepcopy(value) for name, value in values.items() if _is_arrays(value) or _is_plain(value)}


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
