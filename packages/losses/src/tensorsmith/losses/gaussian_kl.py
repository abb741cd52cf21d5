"""Kullback-Leibler divergence of the latent distribution of a variational autoencoder."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import check_same_shape


@export
def gaussian_kl(mean: TensorLike, log_variance: TensorLike) -> Tensor:
    """Return the Kullback-Leibler divergence of diagonal normal distributions from the standard normal distribution.

    Formula:

        divergence = -1/2 * sum(1 + log_variance - exp(log_variance) - mean^2)

    The divergence is summed over the last axis, as in the lower bound of the likelihood, and should be added to a
    reconstruction loss that is summed over pixels. If the reconstruction loss is averaged, divide the divergence by the
    number of pixels; otherwise it dominates the total loss.

    Source: Kingma and Welling, "Auto-Encoding Variational Bayes", 2014.

    Args:
        mean: Tensor of means, of shape `(..., latent_dim)`.
        log_variance: Tensor of log-variances, with the shape of `mean`.

    Returns:
        A tensor with the shape of `mean` without its last axis, in `float32` or higher precision. It is 0 for standard
        normal distributions.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> print(gaussian_kl([[0.0, 0.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]).numpy())  # (3**2 + 4**2) / 2
        [ 0.  12.5]
    """
    mean, log_variance = precise(mean, log_variance)
    check_same_shape(mean=mean, log_variance=log_variance)
    # expm1 avoids cancellation for variances near 1.
    return 0.5 * ops.sum(ops.square(mean) + ops.expm1(log_variance) - log_variance, axis=-1)
