"""The identity matrix."""

import keras

from tensorsmith.core import KeepsArguments, check, export, is_number, plain


@export
class Identity(KeepsArguments, keras.initializers.Identity):
    """A multiple of the identity matrix, for recurrent kernels that begin with memory.

    Unlike `keras.initializers.Identity`, which comes back with a gain of 1, it keeps its `gain` when a layer is saved.

    Formula:

        kernel[i, j] = gain if i = j, 0 otherwise

    Source: Le, Jaitly and Hinton, "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units", 2015.

    Args:
        gain: What is on the diagonal.

    Call arguments:
        shape: Shape of the matrix.
        dtype: Type of the matrix; Keras' default float if None.

    Returns:
        The matrix.

    Raises:
        ValueError: `gain` is no number, or the shape is none of a matrix.

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
