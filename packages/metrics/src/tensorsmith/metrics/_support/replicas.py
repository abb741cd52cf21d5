"""Storage of metric state per replica, for state that cannot be summed over replicas.

Keras sums the variables of a metric over the replicas of a strategy. State that cannot be summed, such as means or
lists of samples, has one slot per replica. Each replica fills its own slot and leaves the others 0.
"""

import tensorflow as tf
from keras import ops

from tensorsmith.core.types import Tensor


def slots() -> int:
    """Return the number of state slots: one per replica of the current distribution strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def own_slot() -> Tensor:
    """Return the index of the current replica, or 0 if Keras traces a model outside of a replica context."""
    context = tf.distribute.get_replica_context()
    return ops.convert_to_tensor(context.replica_id_in_sync_group if context else 0, "int32")
