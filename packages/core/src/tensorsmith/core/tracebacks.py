"""Distinction between the lines of users and those of packages in tracebacks."""

from types import FrameType

INTERNAL = ("absl", "contextlib", "keras", "keras_tuner", "tensorflow", "tensorsmith")  # packages


def is_internal(frame: FrameType) -> bool:
    """Return `True` if a frame executes code of TensorFlow, Keras or this project, instead of code of a user.

    Example:
        >>> mine = {"__name__": "experiment"}
        >>> exec("import sys; frame = sys._getframe()", mine)
        >>> is_internal(mine["frame"])
        False
    """
    module = str(frame.f_globals.get("__name__", ""))
    # AutoGraph executes functions as modules of this name.
    return module.partition(".")[0] in INTERNAL or module.startswith("__autograph_generated")
