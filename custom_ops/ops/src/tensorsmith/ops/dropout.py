"""Op for dropout with the random numbers of TensorFlow."""

import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, check, is_number
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.dispatch import FLOATS, compiled
from tensorsmith.ops.library import library


def dropout(x: TensorLike, rate: float, seed: TensorLike) -> tf.Tensor:
    """Sets random elements of a tensor to 0, and divides the others by `1 - rate`.

    The result equals that of `tf.nn.experimental.stateless_dropout`, which draws the same random numbers. The kernel
    draws them again for the gradient, so that no mask is stored.

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014; random
    numbers: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011.

    Args:
        x: Tensor of any shape and dtype float32, float16, bfloat16 or float64.
        rate: Fraction of the elements to drop, in `[0, 1)`.
        seed: Tensor of two numbers of the dtype int32 or int64 that determines which elements are dropped.

    Returns:
        A tensor of the shape and dtype of `x`.

    Raises:
        ValueError: If `x` is not of a floating-point dtype, `rate` is out of range, or `seed` has another shape or
            dtype.

    Example:
        >>> import tensorflow as tf
        >>> print(dropout(tf.ones(6), rate=0.5, seed=[1, 2]).numpy())
        [2. 0. 2. 0. 0. 2.]
    """
    x, seed = tf.convert_to_tensor(x), tf.convert_to_tensor(seed)
    check(x.dtype.is_floating, "x", x.dtype.name, "have a floating-point dtype")
    check(is_number(rate) and 0 <= rate < 1, "rate", rate, "a number in [0, 1)")
    check(seed.shape.is_compatible_with([2]), "seed", Verbatim(seed.shape), "have shape (2,)")
    check(seed.dtype in (tf.int32, tf.int64), "seed", seed.dtype.name, "have the dtype int32 or int64")
    if not compiled(x, types=FLOATS):
        return tf.nn.experimental.stateless_dropout(x, rate, seed)
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    rounded, scale = (float(np.asarray(number, x.dtype.as_numpy_dtype)) for number in (rate, 1 / (1 - rate)))
    return library().ops.tensorsmith_dropout(x=x, key=key, counter=counter, rate=rounded, scale=scale)


@tf.RegisterGradient("TensorsmithDropout")
def _gradient(op: tf.Operation, dy: tf.Tensor) -> list[tf.Tensor | None]:
    _, key, counter = op.inputs
    options = {name: op.get_attr(name) for name in ("rate", "scale")}
    return [library().ops.tensorsmith_dropout(x=dy, key=key, counter=counter, **options), None, None]
