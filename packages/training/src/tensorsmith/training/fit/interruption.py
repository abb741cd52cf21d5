"""Ctrl-C and the signal that ends a process, put off until the training state is whole."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interruption:
    """Within it, SIGINT and SIGTERM are only noted, for the loop to stop between steps and save; a second one acts.

    Other threads than the main one may not set handlers: there it does nothing.
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
        """Takes part in that of another process."""
        self._noted = self._noted or signal.SIGTERM

    def act(self) -> None:
        """Does what the signal asked for, if there was one.

        Raises:
            KeyboardInterrupt: Ctrl-C.
            SystemExit: With the status of a process that a signal ended.
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
