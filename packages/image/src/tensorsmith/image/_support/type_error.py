"""Error for arguments of a wrong type, which TensorFlow Addons reports as `TypeError`."""

from tensorsmith.core import ArgumentError


class ArgumentTypeError(ArgumentError, TypeError):
    """Error raised if an argument has a wrong type: a `ValueError`, as all argument errors, and a `TypeError`."""
