"""State that does not add up, kept apart for each replica.

Keras adds up the variables of a metric over the replicas of a strategy. What cannot be added, such as means or lists of
samples, has a slot for each replica, of which every replica fills its own and leaves the others 0.
"""

import tensorflow as tf
from keras import ops

from tensorsmith.core.types import Tensor


def slots() -> int:
    """Number of replicas of the strategy in scope."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def own_slot() -> Tensor:
    """Number of the replica that runs this; the first while Keras traces a model within a scope, but in no replica."""
    context = tf.distribute.get_replica_context()
    return ops.convert_to_tensor(context.replica_id_in_sync_group if context else 0, "int32")
