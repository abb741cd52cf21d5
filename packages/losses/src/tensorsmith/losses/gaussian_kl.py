"""The divergence of a variational autoencoder's codings from the standard normal distribution."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import check_same_shape


@export
def gaussian_kl(mean: TensorLike, log_variance: TensorLike) -> Tensor:
    """Kullback-Leibler divergence of independent normal distributions from standard ones, in nats.

    Formula:

        divergence = -1/2 * sum(1 + log_variance - exp(log_variance) - mean^2)

    summed over the last axis, as the bound on a likelihood has it: it goes with a reconstruction loss that is summed
    over pixels. Beside one that is averaged, divide it by the number of pixels, or it outweighs the pixels.

    Source: Kingma and Welling, "Auto-Encoding Variational Bayes", 2014.

    Args:
        mean: Means, `(..., codings)`.
        log_variance: Logarithms of variances, of the same shape.

    Returns:
        Tensor of the shape without its last axis, at least float32; 0 where all is standard.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> print(gaussian_kl([[0.0, 0.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]).numpy())  # (3**2 + 4**2) / 2
        [ 0.  12.5]
    """
    mean, log_variance = precise(mean, log_variance)
    check_same_shape(mean=mean, log_variance=log_variance)
    # expm1 keeps the digits where the variance is near 1.
    return 0.5 * ops.sum(ops.square(mean) + ops.expm1(log_variance) - log_variance, axis=-1)
