"""What Rectified Adam and AdaBelief share."""

from collections.abc import Mapping
from numbers import Real
from typing import Any, ClassVar

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import LearningRate
from tensorsmith.optimizers._support.arguments import check_amounts, check_counts, check_shares
from tensorsmith.optimizers._support.moments_optimizer import MomentsOptimizer
from tensorsmith.optimizers._support.row_optimizer import Step

DECAY = """\
weight_decay: Fraction of the weights, times the learning rate, that is subtracted from them in every step: a number, a
    schedule, or a function without arguments.
amsgrad: If `True`, the update divides by the largest second moments so far."""
WARMUP = """\
sma_threshold: Smallest n with which second moments are used, at least 4.
total_steps: Steps of the training; above 0, the learning rate rises to its value and falls to `min_lr`.
warmup_proportion: Fraction of these in which it rises.
min_lr: Learning rate at the end of the training."""


class RectifiedMoments(MomentsOptimizer):
    """Moments as Adam's, rates rectified by how many gradients the second moments are made of, and a warm-up.

    A subclass says what the second moments gain in a step.
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
        check(fits, "sma_threshold", sma_threshold, "a number of 4 or more", "below 4 there is nothing to rectify by")
        check_counts(0, total_steps=total_steps)
        check_shares(warmup_proportion=warmup_proportion)
        super().__init__(learning_rate, **kwargs)
        self.sma_threshold = sma_threshold
        self.total_steps = total_steps
        self.warmup_proportion = warmup_proportion
        self.min_lr = min_lr

    def gain(self, gradient: tf.Tensor, momentum: tf.Tensor) -> tf.Tensor:
        """What the second moments gain."""
        raise NotImplementedError

    def updated(self, step: Step) -> tf.Tensor:
        """Moments, rectification, decay."""
        g, t = step.gradient, step.number
        m = step.fade(self._momentums, self.beta_1, (1 - self.beta_1) * g)
        v = step.fade(self._velocities, self.beta_2, self.gain(g, m))
        if self.amsgrad:
            v = step.keep(self._velocity_hats, tf.maximum(step.kept(self._velocity_hats), v))
        m = m / (1 - self.beta_1**t)
        update = m / (tf.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)
        if self.rectify:
            length, share = self._rectification(t)
            update = tf.where(length >= self.sma_threshold, tf.cast(share, m.dtype) * update, m)
        weights = step.weights
        if step.decay is not None:
            update += step.decay * weights
        return weights - self._warmed_up(step.rate, t) * update

    def _rectification(self, t: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Length of the moving average as if it were a simple one, and the share of the rate that it is good for.

        The length is a small difference of large numbers, of which float32 would leave two digits.
        """
        t = tf.cast(t, tf.float64)
        power = self.beta_2**t
        longest = 2 / (1 - self.beta_2) - 1
        length = longest - 2 * t * power / (1 - power)
        square = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        return length, tf.sqrt(tf.nn.relu(square))

    def _warmed_up(self, rate: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
        """The rate, which rises to the learning rate and falls to `min_lr`, both linearly."""
        if not self.total_steps:
            return rate
        rising = self.total_steps * self.warmup_proportion
        falling = max(self.total_steps - rising, 1.0)
        down = rate + (self.min_lr - rate) * tf.minimum(t - rising, falling) / falling
        return tf.where(t <= rising, rate * t / max(rising, 1e-9), down)
