"""What callbacks remember while a model trains: patience, best values, best weights."""

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

NOT_KEPT = ("params", "_model", "min_delta")  # set by every run; Keras turns the sign of the last when it first looks


class CallbackState:
    """The attributes that callbacks have changed since a training run began.

    Only values count that can lie in a file: numbers, None, and lists of NumPy arrays, as in Keras' EarlyStopping,
    ReduceLROnPlateau and ModelCheckpoint. An attribute that nobody has changed keeps what the new run's callback was
    made with, so that a run may go on with more patience.

    Args:
        callbacks: In an order that is the same in every run.
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        self._callbacks = callbacks
        self._before = [_remembered(callback) for callback in callbacks]

    def plain(self) -> list[dict[str, Any]]:
        """For each callback the changed attributes that JSON can hold."""
        return [{name: value for name, value in changed.items() if not _arrays(value)} for changed in self._changed()]

    def arrays(self) -> dict[str, np.ndarray]:
        """The changed attributes that are arrays, or lists of them, by key."""
        found = {}
        for i, changed in enumerate(self._changed()):
            for name, value in changed.items():
                for k, array in enumerate(value if _arrays(value) else []):
                    found[f"callbacks/{i}/{name}/{k:04d}"] = array.copy()
        return found

    def restore(self, plain: Sequence[dict[str, Any]], arrays: Mapping[str, np.ndarray]) -> None:
        """Puts back what `plain` and `arrays` gave; what belongs to no callback of this run is left out."""
        for callback, changed in zip(self._callbacks, plain, strict=False):
            for name, value in changed.items():
                if name in vars(callback):
                    setattr(callback, name, value)
        lists: dict[tuple[str, str], list[np.ndarray]] = {}
        for key in sorted(key for key in arrays if key.startswith("callbacks/")):
            _, index, name, _ = key.split("/")
            lists.setdefault((index, name), []).append(arrays[key])
        for (index, name), values in lists.items():
            callback = self._callbacks[int(index)] if int(index) < len(self._callbacks) else None
            if callback is not None and name in vars(callback):
                setattr(callback, name, values)

    def _changed(self) -> list[dict[str, Any]]:
        now = [_remembered(callback) for callback in self._callbacks]
        return [
            {name: value for name, value in after.items() if name not in before or not _same(before[name], value)}
            for before, after in zip(self._before, now, strict=True)
        ]


def _remembered(callback: keras.callbacks.Callback) -> dict[str, Any]:
    values = {name: value for name, value in vars(callback).items() if name not in NOT_KEPT}
    return {name: list(value) if _arrays(value) else value for name, value in values.items() if _kept(value)}


def _kept(value: Any) -> bool:
    return value is None or isinstance(value, numbers.Real | np.generic) or _arrays(value)


def _arrays(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, np.ndarray) for item in value)


def _same(one: Any, other: Any) -> bool:
    if _arrays(one) and _arrays(other):
        return len(one) == len(other) and all(map(np.array_equal, one, other))
    return not _arrays(one) and not _arrays(other) and bool(one == other)
