"""Ctrl-C that is not lost."""

import signal
from types import FrameType
from typing import Any

import keras


class Interrupts(keras.callbacks.Callback):
    """Raises KeyboardInterrupt as ever, and again at the end of the epoch should it have come to nothing.

    Python drops an exception that comes up in a destructor or in a callback of C++, and Ctrl-C with it. To be entered
    as a context around the training; in the main thread, which is the one that gets signals.
    """

    def __enter__(self) -> "Interrupts":
        self._seen = False
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *unused: Any) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self._seen = True
        raise KeyboardInterrupt

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Raises what was lost."""
        if self._seen:
            raise KeyboardInterrupt
