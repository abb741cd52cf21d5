"""Deferred handling of SIGINT and SIGTERM until the training state is consistent."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interruption:
    """Context manager that defers SIGINT and SIGTERM, so that training can save a checkpoint before it stops.

    A second signal takes effect immediately. Outside of the main thread, where signal handlers cannot be set, it does
    nothing.
    """

    def __init__(self) -> None:
        self._noted: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if error is None:
            self.act()

    def __bool__(self) -> bool:
        return self._noted is not None

    def share(self) -> None:
        """Stores the information that another process of the worker group has been interrupted."""
        self._noted = self._noted or signal.SIGTERM

    def act(self) -> None:
        """Raises the exception for the deferred signal, if there is one.

        Raises:
            KeyboardInterrupt: For SIGINT.
            SystemExit: For SIGTERM, with the exit status of a process terminated by this signal.
        """
        if self._noted == signal.SIGINT:
            raise KeyboardInterrupt
        if self._noted is not None:
            raise SystemExit(128 + self._noted)

    def _note(self, number: int, frame: FrameType | None) -> None:
        again = self._noted is not None
        self._noted = number
        if again:
            self.act()
