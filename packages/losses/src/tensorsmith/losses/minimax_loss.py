"""The losses of the first generative adversarial networks."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import check_same_shape


@export
def minimax_discriminator_loss(real: TensorLike, fake: TensorLike) -> Tensor:
    """How badly a discriminator tells real samples from fake ones: the cross-entropy of both verdicts.

    Formula, with D the sigmoid of a logit:

        loss = -log(D(real)) - log(1 - D(fake))

    It is the discriminator's part in a minimax game, and also beside `non_saturating_generator_loss`.

    Source: Goodfellow et al., "Generative Adversarial Nets", 2014.

    Args:
        real: The discriminator's logits of real samples.
        fake: Its logits of as many fake ones, of the same shape.

    Returns:
        Tensor of the same shape, at least float32. Take its mean.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> print(minimax_discriminator_loss([0.0], [0.0]).numpy().round(4))  # 2 log(2): it cannot tell
        [1.3863]
    """
    real, fake = precise(real, fake)
    check_same_shape(real=real, fake=fake)
    return ops.softplus(-real) + ops.softplus(fake)


@export
def minimax_generator_loss(fake: TensorLike) -> Tensor:
    """How badly a generator deceives a discriminator, as the game's other side has it; it hardly learns from bad fakes.

    Formula, with D the sigmoid of a logit:

        loss = log(1 - D(fake))

    Where D is near 0, as at the start, it is flat: prefer `non_saturating_generator_loss`.

    Source: Goodfellow et al., "Generative Adversarial Nets", 2014.

    Args:
        fake: The discriminator's logits of fake samples.

    Returns:
        Tensor of the same shape, at least float32. Take its mean.

    Example:
        >>> print(minimax_generator_loss([0.0]).numpy().round(4))  # log(1 / 2)
        [-0.6931]
    """
    (fake,) = precise(fake)
    return -ops.softplus(fake)
