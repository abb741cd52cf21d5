"""What Rectified Adam and AdaBelief share."""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.optimizers.arguments import check_amounts, check_counts, check_rates, check_shares
from tensorsmith.optimizers.row_optimizer import RowOptimizer, Step


class RectifiedMoments(RowOptimizer):
    """Moments as Adam's, rates rectified by how many gradients the second moments are made of, and a warm-up.

    A subclass says what the second moments gain in a step.
    """

    decays_itself = True

    def __init__(
        self,
        learning_rate: Any,
        *,
        beta_1: float,
        beta_2: float,
        epsilon: float,
        weight_decay: Any,
        amsgrad: bool,
        rectify: bool,
        sma_threshold: float,
        total_steps: int,
        warmup_proportion: float,
        min_lr: float,
        name: str,
        **kwargs: Any,
    ):
        check_rates(beta_1=beta_1, beta_2=beta_2)
        check_amounts(epsilon=epsilon, min_lr=min_lr)
        fits = isinstance(sma_threshold, Real) and sma_threshold >= 4
        check(fits, "sma_threshold", sma_threshold, "a number of 4 or more", "below 4 there is nothing to rectify by")
        check_counts(0, total_steps=total_steps)
        check_shares(warmup_proportion=warmup_proportion)
        super().__init__(learning_rate, weight_decay=weight_decay, name=name, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad
        self.rectify = rectify
        self.sma_threshold = sma_threshold
        self.total_steps = total_steps
        self.warmup_proportion = warmup_proportion
        self.min_lr = min_lr

    def build(self, variables: Sequence[Any]) -> None:
        """Makes the moments."""
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_slots(variables, "momentum", "velocity")
        if self.amsgrad:
            (self._velocity_hats,) = self.add_slots(variables, "velocity_hat")

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

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__` that both have."""
        own = {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
            "sma_threshold": self.sma_threshold,
            "total_steps": self.total_steps,
            "warmup_proportion": self.warmup_proportion,
            "min_lr": self.min_lr,
        }
        return {**super().get_config(), **own}
