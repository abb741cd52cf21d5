"""Tracebacks without the frames of TensorFlow, Keras and this project, which hide the error and the lines of users."""

from types import TracebackType

import keras

from tensorsmith.core import is_internal


class ShortTraceback:
    """Context manager that removes the calls within packages from the traceback of an exception.

    The calls before the context manager remain, and those in other files, such as the `call` method of a layer of the
    user. `keras.config.disable_traceback_filtering()` disables it, as it does in Keras.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not keras.config.is_traceback_filtering_enabled():
            return
        while error is not None:
            _remove_internal(error.__traceback__)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _remove_internal(trace: TracebackType | None) -> None:
    """Removes the frames of packages from a traceback, except for the first frame."""
    while trace is not None and trace.tb_next is not None:
        if is_internal(trace.tb_next.tb_frame):
            trace.tb_next = trace.tb_next.tb_next
        else:
            trace = trace.tb_next
