"""Non-saturating generator loss of generative adversarial networks."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.precision import precise


@export
def non_saturating_generator_loss(fake: TensorLike) -> Tensor:
    """Return the non-saturating GAN loss of a generator: the cross-entropy for the label "real".

    Formula, where D is the sigmoid of a logit:

        loss = -log(D(fake))

    It has the same fixed point as `minimax_generator_loss`, but its gradient is largest for fake samples that the
    discriminator rejects. Train the discriminator with `minimax_discriminator_loss`.

    Source: Goodfellow et al., "Generative Adversarial Nets", 2014.

    Args:
        fake: Tensor of discriminator logits for fake samples.

    Returns:
        A tensor of the same shape, in `float32` or higher precision. Minimize its mean.

    Example:
        >>> print(non_saturating_generator_loss([0.0]).numpy().round(4))  # log(2)
        [0.6931]
    """
    (fake,) = precise(fake)
    # -log(sigmoid(x)) = softplus(-x), which is finite where the sigmoid is rounded to 0.
    return ops.softplus(-fake)
