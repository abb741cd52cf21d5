"""Optimizer wrapper that adds noise to the gradients."""

import random
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import check, export
from tensorsmith.core.keras_internals import variable_index
from tensorsmith.core.types import Gradient, Optimizer
from tensorsmith.optimizers._support.arguments import check_amounts
from tensorsmith.optimizers._support.rows import merged
from tensorsmith.optimizers._support.wrapping import Wrapper


@export
class GradientNoise(Wrapper):
    """Optimizer wrapper that adds Gaussian noise of decreasing variance to the gradients.

    The noise helps very deep networks to recover from a poor initialization and to leave narrow valleys. It depends
    only on the seed, the update and the index of the variable (and on whether XLA generates it): a resumed run
    continues with the same noise, and all steps of an accumulated gradient use the same noise. For a sparse gradient,
    only its rows receive noise. With several replicas, the first one adds the noise. `Trainer` passes the gradients of
    all replicas to it, so that the result is the same as on a single device.

    Formula, with the gradient g before clipping, and the number t of the update, counted from 0:

        g = g + N(0, variance)
        variance = eta / (1 + t)^gamma

    Source: Neelakantan et al., "Adding Gradient Noise Improves Learning for Very Deep Networks", 2015, where eta is
    0.01, 0.3 or 1.

    Args:
        optimizer: Keras optimizer to wrap, or its name, such as `"adam"`.
        eta: Variance of the noise in the first update.
        gamma: Decay exponent of the variance.
        seed: Non-negative integer, the random seed. If `None`, a random seed is used, which is reproducible if
            `keras.utils.set_random_seed` has been called.
        name: Name of the optimizer.

    Raises:
        ValueError: If `optimizer` cannot be wrapped, or a number is out of range.

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = GradientNoise(keras.optimizers.SGD(0.1), eta=0.3, seed=1)
        >>> optimizer.apply([keras.ops.array([0.0, 0.0])], [variable])
        >>> print((variable.numpy() != [1.0, 2.0]).all())
        True
    """

    needs_global_gradients = True  # read by `Trainer`

    def __init__(
        self,
        optimizer: Optimizer,
        eta: float = 0.01,
        gamma: float = 0.55,
        seed: int | None = None,
        name: str = "GradientNoise",
    ):
        check_amounts(eta=eta, gamma=gamma)
        fits = seed is None or (isinstance(seed, int) and 0 <= seed < 2**63)
        check(fits, "seed", seed, "a non-negative integer or None")
        super().__init__(optimizer, name)
        self.eta = eta
        self.gamma = gamma
        self.seed = random.randrange(2**31) if seed is None else seed

    def before(self, gradients: Sequence[Any], variables: Sequence[Any]) -> Sequence[Any]:
        """Return the gradients with added noise."""
        number = self.updates.value
        deviation = tf.sqrt(self.eta / (1 + tf.cast(number, tf.float32)) ** self.gamma)
        # The gradients are multiplied by the loss scale, and so must be the noise.
        deviation *= self.loss_scale_factor or 1.0
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:  # gradients are summed
            first = tf.equal(tf.distribute.get_replica_context().replica_id_in_sync_group, 0)
            deviation *= tf.cast(first, tf.float32)
        # A stateless seed for each update, so that a resumed run draws the same noise.
        seed = tf.stack([tf.constant(self.seed, tf.int64), tf.cast(number, tf.int64)])
        return [
            gradient if gradient is None else self._noisy(gradient, variable_index(self, variable), deviation, seed)
            for gradient, variable in zip(gradients, variables, strict=True)
        ]

    def _noisy(self, gradient: Gradient, position: int, deviation: tf.Tensor, seed: tf.Tensor) -> Gradient:
        gradient = merged(gradient)  # one noise sample per row
        values = gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient
        # Each variable has its own stream.
        own = tf.random.experimental.stateless_fold_in(seed, position, alg="philox")
        values += tf.cast(deviation, values.dtype) * tf.random.stateless_normal(
            tf.shape(values), own, dtype=values.dtype, alg="philox"
        )
        if isinstance(gradient, tf.IndexedSlices):
            return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
        return values

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer."""
        return {**super().get_config(), "eta": self.eta, "gamma": self.gamma, "seed": self.seed}
