"""Error for arguments of a wrong type, which TensorFlow Addons reports as `TypeError`."""

from tensorsmith.core import ArgumentError


class ArgumentTypeError(ArgumentError, TypeError):
    """Error raised if an argument has a wrong type: a `ValueError`, as all argument errors, and a `TypeError`."""

    @classmethod
    def of(cls, error: ArgumentError) -> "ArgumentTypeError":
        """Return an argument error with the same message."""
        copy = cls(str(error))
        vars(copy).update(vars(error))
        return copy
