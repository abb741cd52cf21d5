"""Minimax losses of generative adversarial networks."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import check_same_shape


@export
def minimax_discriminator_loss(real: TensorLike, fake: TensorLike) -> Tensor:
    """Return the minimax GAN loss of a discriminator: the sum of the cross-entropies for real and fake samples.

    Formula, where D is the sigmoid of a logit:

        loss = -log(D(real)) - log(1 - D(fake))

    It is used with `minimax_generator_loss` or `non_saturating_generator_loss`.

    Source: Goodfellow et al., "Generative Adversarial Nets", 2014.

    Args:
        real: Tensor of discriminator logits for real samples.
        fake: Tensor of discriminator logits for fake samples, with the shape of `real`.

    Returns:
        A tensor of the same shape, in `float32` or higher precision. Minimize its mean.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> print(minimax_discriminator_loss([0.0], [0.0]).numpy().round(4))  # 2 log(2): chance level
        [1.3863]
    """
    real, fake = precise(real, fake)
    check_same_shape(real=real, fake=fake)
    # -log(sigmoid(x)) = softplus(-x) and -log(1 - sigmoid(x)) = softplus(x), which remain finite for large logits.
    return ops.softplus(-real) + ops.softplus(fake)


@export
def minimax_generator_loss(fake: TensorLike) -> Tensor:
    """Return the minimax GAN loss of a generator: the log-probability that fake samples are classified as fake.

    Formula, where D is the sigmoid of a logit:

        loss = log(1 - D(fake))

    The gradient vanishes where D is close to 0, as at the start of training. Prefer `non_saturating_generator_loss`.

    Source: Goodfellow et al., "Generative Adversarial Nets", 2014.

    Args:
        fake: Tensor of discriminator logits for fake samples.

    Returns:
        A tensor of the same shape, in `float32` or higher precision. Minimize its mean.

    Example:
        >>> print(minimax_generator_loss([0.0]).numpy().round(4))  # log(1 / 2)
        [-0.6931]
    """
    (fake,) = precise(fake)
    # log(1 - sigmoid(x)) = -softplus(x), which is finite where the sigmoid is rounded to 1.
    return -ops.softplus(fake)
