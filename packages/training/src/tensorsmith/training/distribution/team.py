"""Worker group: the processes that train a model together."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import tensorflow as tf


class Team:
    """Worker group of a MultiWorkerMirroredStrategy, or this process alone.

    All workers run the same program. They must agree on everything that depends on the clock, a signal or a file of one
    of them, such as the chunks of steps and the end of training, because each step waits for all workers.

    Args:
        strategy: Strategy of the model.

    Attributes:
        chief: `True` if this process writes files and shows progress.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        self._gather = tf.function(partial(_gather, strategy), autograph=False) if several else None
        resolver = strategy.cluster_resolver if several else None
        self.chief = resolver is None or (resolver.task_type, resolver.task_id) in (
            (None, None),  # without a cluster
            ("chief", 0),
            ("worker", 0) if "chief" not in resolver.cluster_spec().jobs else (),
        )

    def least(self, number: int) -> int:
        """Returns the smallest of the numbers passed by the workers."""
        return min(self._numbers(number))

    def agree(self, number: int) -> bool:
        """Returns `True` if all workers pass the same number."""
        return len(set(self._numbers(number))) == 1

    def any(self, *said: bool) -> tuple[bool, ...]:
        """Returns, for each argument, `True` if it is true on any worker."""
        return tuple(any(column) for column in self._rows(said).T.tolist())

    def _numbers(self, number: int) -> list[int]:
        numbers: list[int] = self._rows([number])[:, 0].tolist()
        return numbers

    def _rows(self, numbers: Sequence[int]) -> np.ndarray:
        """Returns the numbers of all replicas of all workers, with one row per replica."""
        rows = np.array([numbers], np.int64)
        return rows if self._gather is None else self._gather(tf.constant(rows)).numpy()


def _gather(strategy: tf.distribute.Strategy, row: tf.Tensor) -> tf.Tensor:
    return strategy.gather(strategy.run(lambda: row), axis=0)
