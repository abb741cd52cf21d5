"""Ctrl-C that is not lost."""

import signal
import threading
from types import FrameType
from typing import Any

import keras


class Interrupts(keras.callbacks.Callback):
    """Raises KeyboardInterrupt as ever, and again at the end of the epoch should it have come to nothing.

    Python drops an exception that comes up in a destructor or in a callback of C++, and Ctrl-C with it. To be entered
    as a context around the training. Where Ctrl-C is ignored or somebody else's, it stays so.
    """

    def __enter__(self) -> "Interrupts":
        self._seen = False
        # Only the main thread gets signals.
        main = threading.current_thread() is threading.main_thread()
        self._own = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._own:
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *unused: Any) -> None:
        if self._own:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self._seen = True
        raise KeyboardInterrupt

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Raises what was lost."""
        if self._seen:
            raise KeyboardInterrupt
