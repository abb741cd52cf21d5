"""Losses of Wasserstein GANs."""

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import check_same_shape


@export
def wasserstein_critic_loss(real: TensorLike, fake: TensorLike) -> Tensor:
    """Return the Wasserstein loss of a critic: the score of fake samples minus the score of real samples.

    Formula:

        loss = fake - real

    The negative mean of the loss estimates the Wasserstein distance if the norm of the critic's gradient is at most 1.
    To enforce this, add 10 times the mean of `gradient_penalty`.

    Source: Arjovsky et al., "Wasserstein GAN", 2017.

    Args:
        real: Tensor of critic scores for real samples, without an activation.
        fake: Tensor of critic scores for fake samples, with the shape of `real`.

    Returns:
        A tensor of the same shape, in `float32` or higher precision. Minimize its mean.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> print(wasserstein_critic_loss([2.0], [0.5]).numpy())
        [-1.5]
    """
    real, fake = precise(real, fake)
    check_same_shape(real=real, fake=fake)
    return fake - real


@export
def wasserstein_generator_loss(fake: TensorLike) -> Tensor:
    """Return the Wasserstein loss of a generator: the negative score of the critic.

    Formula:

        loss = -fake

    Source: Arjovsky et al., "Wasserstein GAN", 2017.

    Args:
        fake: Tensor of critic scores for fake samples, without an activation.

    Returns:
        A tensor of the same shape, in `float32` or higher precision. Minimize its mean.

    Example:
        >>> print(wasserstein_generator_loss([0.5]).numpy())
        [-0.5]
    """
    (fake,) = precise(fake)
    return -fake
