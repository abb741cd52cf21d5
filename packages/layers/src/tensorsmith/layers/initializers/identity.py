"""Initializer of scaled identity matrices."""

import keras

from tensorsmith.core import KeepsArguments, check, export, is_number, plain


@export
class Identity(KeepsArguments, keras.initializers.Identity):
    """Initializer that generates a scaled identity matrix, for recurrent kernels.

    Unlike `keras.initializers.Identity`, which is restored with a gain of 1, it keeps its `gain` when a layer is saved.

    Formula:

        kernel[i, j] = gain if i = j, 0 otherwise

    Source: Le, Jaitly and Hinton, "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units", 2015.

    Args:
        gain: Multiplicative factor to apply to the identity matrix.

    Call arguments:
        shape: Shape of the matrix.
        dtype: Data type of the matrix. If `None`, `keras.config.floatx()` is used.

    Returns:
        The matrix.

    Raises:
        ValueError: If `gain` is not a number, or `shape` is not that of a matrix.

    Example:
        >>> initializer = Identity(gain=0.5)
        >>> print(Identity.from_config(initializer.get_config())((2, 2)).numpy())
        [[0.5 0. ]
         [0.  0.5]]
    """

    kept_arguments = ("gain",)

    def __init__(self, gain: float = 1.0):
        check(is_number(gain), "gain", gain, "a number")
        super().__init__(plain(gain))
