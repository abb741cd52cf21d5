"""The hinge losses of generative adversarial networks."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import check_same_shape


@export
def hinge_discriminator_loss(real: TensorLike, fake: TensorLike) -> Tensor:
    """How badly a discriminator tells real samples from fake ones; what it tells by a margin of 1 does not count.

    Formula:

        loss = max(0, 1 - real) + max(0, 1 + fake)

    Source: Lim and Ye, "Geometric GAN", 2017; Miyato et al., "Spectral Normalization for Generative Adversarial
    Networks", 2018.

    Args:
        real: The discriminator's outputs, without an activation, for real samples.
        fake: Those for as many fake ones, of the same shape.

    Returns:
        Tensor of the same shape, at least float32. Take its mean.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> print(hinge_discriminator_loss([2.0, 0.0], [-2.0, 0.5]).numpy())
        [0.  2.5]
    """
    real, fake = precise(real, fake)
    check_same_shape(real=real, fake=fake)
    return ops.relu(1 - real) + ops.relu(1 + fake)


@export
def hinge_generator_loss(fake: TensorLike) -> Tensor:
    """How badly a generator deceives a discriminator of `hinge_discriminator_loss`.

    Formula:

        loss = -fake

    Source: Lim and Ye, "Geometric GAN", 2017.

    Args:
        fake: The discriminator's outputs, without an activation, for fake samples.

    Returns:
        Tensor of the same shape, at least float32. Take its mean.

    Example:
        >>> print(hinge_generator_loss([2.0]).numpy())
        [-2.]
    """
    (fake,) = precise(fake)
    return -fake
