"""Hinge losses of generative adversarial networks."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import check_same_shape


@export
def hinge_discriminator_loss(real: TensorLike, fake: TensorLike) -> Tensor:
    """Return the hinge loss of a GAN discriminator, which is zero for outputs beyond the margin of 1.

    Formula:

        loss = max(0, 1 - real) + max(0, 1 + fake)

    Source: Lim and Ye, "Geometric GAN", 2017; Miyato et al., "Spectral Normalization for Generative Adversarial
    Networks", 2018.

    Args:
        real: Tensor of discriminator outputs for real samples, without an activation.
        fake: Tensor of discriminator outputs for fake samples, with the shape of `real`.

    Returns:
        A tensor of the same shape, in `float32` or higher precision. Minimize its mean.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> print(hinge_discriminator_loss([2.0, 0.0], [-2.0, 0.5]).numpy())
        [0.  2.5]
    """
    real, fake = precise(real, fake)
    check_same_shape(real=real, fake=fake)
    return ops.relu(1 - real) + ops.relu(1 + fake)


@export
def hinge_generator_loss(fake: TensorLike) -> Tensor:
    """Return the hinge loss of a GAN generator: the negative score of the discriminator.

    Formula:

        loss = -fake

    Source: Lim and Ye, "Geometric GAN", 2017.

    Args:
        fake: Tensor of discriminator outputs for fake samples, without an activation.

    Returns:
        A tensor of the same shape, in `float32` or higher precision. Minimize its mean.

    Example:
        >>> print(hinge_generator_loss([2.0]).numpy())
        [-2.]
    """
    (fake,) = precise(fake)
    return -fake
