"""Error for arguments of a wrong type, which TensorFlow Addons reports as `TypeError`."""

from tensorsmith.core import ArgumentError


class ArgumentTypeError(ArgumentError, TypeError):
    """Error raised if an argument has a wrong type: a `ValueError`, as all argument errors, and a `TypeError`."""

    @classmethod
    def of(cls, error: ArgumentError) -> "ArgumentTypeError":
        """Return an argument error with the same message."""
        return cls(str(error), name=error.name, received=error.received, expected=error.expected, remedy=error.remedy)
