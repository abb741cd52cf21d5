"""The generator's loss that does not saturate."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.precision import precise


@export
def non_saturating_generator_loss(fake: TensorLike) -> Tensor:
    """How badly a generator deceives a discriminator: the cross-entropy of calling its samples real.

    Formula, with D the sigmoid of a logit:

        loss = -log(D(fake))

    It has the same fixed point as `minimax_generator_loss` and its steepest slope where fakes are worst. The
    discriminator's loss beside it is `minimax_discriminator_loss`.

    Source: Goodfellow et al., "Generative Adversarial Nets", 2014.

    Args:
        fake: The discriminator's logits of fake samples.

    Returns:
        Tensor of the same shape, at least float32. Take its mean.

    Example:
        >>> print(non_saturating_generator_loss([0.0]).numpy().round(4))  # log(2)
        [0.6931]
    """
    (fake,) = precise(fake)
    return ops.softplus(-fake)
