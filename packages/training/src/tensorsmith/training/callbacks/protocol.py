"""Optional callback attributes and methods that the `Trainer` uses in addition to the methods of Keras callbacks.

A callback, whether it belongs to this package or not, may define any of these attributes:

- `every_batch`: If `True`, the loop returns to Python after each step, so that the batch-level methods of all callbacks
  are called for each batch. Otherwise, they are called once per chunk of steps.
- `steps_left()`: Returns the number of steps, at least 1, after which the callback needs control. The next chunk ends
  there at the latest, and `on_train_batch_end` is called.
- `close()`: Called at the end of `fit`, also if training fails or is interrupted, when Keras does not call
  `on_train_end`. It releases resources and may be called more than once.
"""

import contextlib
from collections.abc import Iterable

import keras

from tensorsmith.core import Verbatim, check, is_integer


def as_list(callbacks: Iterable[keras.callbacks.Callback] | keras.callbacks.Callback) -> list[keras.callbacks.Callback]:
    """Returns a list of the callbacks passed to `fit`, after checking that they are supported.

    Raises:
        ValueError: If a callback replaces a function of the `Trainer`.
    """
    listed = [callbacks] if isinstance(callbacks, keras.callbacks.Callback) else list(callbacks)
    check(
        not any(isinstance(callback, keras.callbacks.BackupAndRestore) for callback in listed),
        "callbacks",
        Verbatim("a BackupAndRestore callback"),
        "not contain BackupAndRestore",
        "pass `checkpoints` and `resume=True` to `fit`",
    )
    return listed


def wants_every_batch(callback: keras.callbacks.Callback) -> bool:
    """Returns `True` if a callback must be called after each step."""
    counts = (getattr(callback, name, None) for name in ("save_freq", "update_freq"))  # of Keras callbacks
    return getattr(callback, "every_batch", False) or any(isinstance(count, int) and count for count in counts)


def steps_left(callbacks: Iterable[keras.callbacks.Callback], chunk: int) -> int:
    """Returns the number of steps after which the next callback must be called, at most `chunk`.

    Raises:
        ValueError: If a callback returns an invalid number of steps.
    """
    for callback in callbacks:
        if hasattr(callback, "steps_left"):
            left = callback.steps_left()
            valid = is_integer(left) and left >= 1
            check(valid, f"result of {type(callback).__name__}.steps_left()", left, "a positive integer")
            chunk = min(chunk, left)
    return chunk


def close(callbacks: Iterable[keras.callbacks.Callback]) -> None:
    """Closes all callbacks, even if one of them raises an error."""
    with contextlib.ExitStack() as stack:
        for callback in callbacks:
            if hasattr(callback, "close"):
                stack.callback(callback.close)
