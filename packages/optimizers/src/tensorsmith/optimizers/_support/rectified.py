"""Base class for Rectified Adam and AdaBelief."""

from collections.abc import Mapping
from numbers import Real
from typing import Any, ClassVar

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import LearningRate
from tensorsmith.optimizers._support.arguments import check_amounts, check_counts, check_fractions
from tensorsmith.optimizers._support.live import as_double
from tensorsmith.optimizers._support.moments_optimizer import MomentsOptimizer
from tensorsmith.optimizers._support.row_optimizer import Step

DECAY = """\
weight_decay: Weight decay coefficient: a float, a schedule, or a callable without arguments. In each step,
    `learning_rate * weight_decay * weight` is subtracted from each weight.
amsgrad: If `True`, use the AMSGrad variant, which uses the running maximum of the second moments in the
    denominator."""
WARMUP = """\
sma_threshold: Minimum length n of the simple moving average for which the second moments are used, `>= 4`.
total_steps: Number of training steps. If positive, the learning rate first increases to `learning_rate` and then
    decreases to `min_lr`.
warmup_proportion: Fraction of `total_steps` in which the learning rate increases.
min_lr: Learning rate at the end of training."""


class RectifiedMoments(MomentsOptimizer):
    """Base class for Adam variants with a rectified step size and optional warm-up.

    A subclass implements the increment of the second moments.
    """

    kept_arguments = (*MomentsOptimizer.kept_arguments, "sma_threshold", "total_steps", "warmup_proportion", "min_lr")
    rectify = True
    shared_texts: ClassVar[Mapping[str, str]] = {**MomentsOptimizer.shared_texts, "decay": DECAY, "warmup": WARMUP}

    def __init__(
        self,
        learning_rate: LearningRate,
        *,
        sma_threshold: float,
        total_steps: int,
        warmup_proportion: float,
        min_lr: float,
        **kwargs: Any,
    ):
        check_amounts(min_lr=min_lr)
        fits = isinstance(sma_threshold, Real) and sma_threshold >= 4
        check(
            fits,
            "sma_threshold",
            sma_threshold,
            "a number >= 4",
            "pass the default of 5, because the rectification is undefined below 4",
        )
        check_counts(0, total_steps=total_steps)
        check_fractions(warmup_proportion=warmup_proportion)
        super().__init__(learning_rate, **kwargs)
        self.sma_threshold = sma_threshold
        self.total_steps = total_steps
        self.warmup_proportion = warmup_proportion
        self.min_lr = min_lr

    def gain(self, gradient: tf.Tensor, momentum: tf.Tensor) -> tf.Tensor:
        """Return the increment of the second moments. Implemented by subclasses."""
        raise NotImplementedError

    def updated(self, step: Step) -> tf.Tensor:
        """Return the weights after a rectified update with weight decay."""
        g, t = step.gradient, step.number
        m = step.fade(self._momentums, self.beta_1, (1 - self.beta_1) * g)
        # The increment of AdaBelief depends on the first moments, which are updated before.
        v = step.fade(self._velocities, self.beta_2, self.gain(g, m))
        if self.amsgrad:
            v = step.keep(self._velocity_hats, tf.maximum(step.kept(self._velocity_hats), v))
        # Bias correction, then rectification, or momentum only as long as the variance is intractable.
        m = m / (1 - self.beta_1**t)
        update = m / (tf.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)
        if self.rectify:
            length, share = self._rectification(t)
            update = tf.where(length >= self.sma_threshold, tf.cast(share, m.dtype) * update, m)
        weights = step.weights
        if step.decay is not None:
            # Decoupled decay: it does not enter the moments.
            update += step.decay * weights
        return weights - self._warmed_up(step.rate, t) * update

    def _rectification(self, t: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the length of the approximated simple moving average, and the rectification factor.

        The length is a small difference of large numbers, of which `float32` would retain only two digits.
        """
        t = tf.cast(t, tf.float64)
        beta_2 = as_double(self.beta_2)
        power = beta_2**t
        # Limit of the length for many steps, n_max in the formula.
        longest = 2 / (1 - beta_2) - 1
        length = longest - 2 * t * power / (1 - power)
        square = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        # The square may be negative for lengths below 4, for which the factor is not used.
        return length, tf.sqrt(tf.nn.relu(square))

    def _warmed_up(self, rate: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
        """Return the learning rate after linear warm-up and linear decay to `min_lr`."""
        if not self.total_steps:
            return rate
        rising = self.total_steps * self.warmup_proportion
        # At least 1, because it is a divisor below.
        falling = max(self.total_steps - rising, 1.0)
        down = rate + (self.min_lr - rate) * tf.minimum(t - rising, falling) / falling
        return tf.where(t <= rising, rate * t / max(rising, 1e-9), down)
