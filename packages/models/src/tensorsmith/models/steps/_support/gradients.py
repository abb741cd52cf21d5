"""Application of the gradients of a loss in training steps."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tensorsmith.core.types import Tensor


def apply_gradients(
    optimizer: keras.optimizers.Optimizer, tape: tf.GradientTape, loss: Tensor, variables: Sequence[keras.Variable]
) -> None:
    """Apply the gradients of a loss that is a mean over the examples of a replica."""
    # Gradients of replicas are summed.
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    with tape:
        scaled = optimizer.scale_loss(loss / replicas)
    optimizer.apply(tape.gradient(scaled, variables), variables)
