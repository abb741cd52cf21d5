"""The losses of Wasserstein GANs."""

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import check_same_shape


@export
def wasserstein_critic_loss(real: TensorLike, fake: TensorLike) -> Tensor:
    """How badly a critic scores real samples above fake ones.

    Formula:

        loss = fake - real

    The negative of its mean is an estimate of the Wasserstein distance, as long as the critic's slopes are at most 1:
    add 10 times the mean of `gradient_penalty`.

    Source: Arjovsky et al., "Wasserstein GAN", 2017.

    Args:
        real: The critic's scores, without an activation, of real samples.
        fake: Those of as many fake ones, of the same shape.

    Returns:
        Tensor of the same shape, at least float32. Take its mean.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> print(wasserstein_critic_loss([2.0], [0.5]).numpy())
        [-1.5]
    """
    real, fake = precise(real, fake)
    check_same_shape(real=real, fake=fake)
    return fake - real


@export
def wasserstein_generator_loss(fake: TensorLike) -> Tensor:
    """How low the critic scores a generator's samples.

    Formula:

        loss = -fake

    Source: Arjovsky et al., "Wasserstein GAN", 2017.

    Args:
        fake: The critic's scores, without an activation, of fake samples.

    Returns:
        Tensor of the same shape, at least float32. Take its mean.

    Example:
        >>> print(wasserstein_generator_loss([0.5]).numpy())
        [-0.5]
    """
    (fake,) = precise(fake)
    return -fake
