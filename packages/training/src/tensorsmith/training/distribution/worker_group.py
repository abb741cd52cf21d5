"""Group of processes that train a model together."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import tensorflow as tf


class WorkerGroup:
    """Worker processes of a MultiWorkerMirroredStrategy, or the current process under any other strategy.

    All workers run the same program. They must agree on everything that depends on the clock, a signal or a file of one
    of them, such as the chunks of steps and the end of training, because each step waits for all workers.

    Args:
        strategy: `tf.distribute.Strategy` of the model.

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
        """Returns the smallest value of a number on any worker."""
        return min(self._numbers(number))

    def agree(self, number: int) -> bool:
        """Returns `True` if a number has the same value on all workers."""
        return len(set(self._numbers(number))) == 1

    def any(self, *said: bool) -> tuple[bool, ...]:
        """Returns `True` for each argument that is true on at least one worker."""
        return tuple(any(column) for column in self._rows(said).T.tolist())

    def _numbers(self, number: int) -> list[int]:
        numbers: list[int] = self._rows([number])[:, 0].tolist()
        return numbers

    def _rows(self, numbers: Sequence[int]) -> np.ndarray:
        """Returns an array of the numbers of all workers, with one row per replica."""
        rows = np.array([numbers], np.int64)
        return rows if self._gather is None else self._gather(tf.constant(rows)).numpy()


def _gather(strategy: tf.distribute.Strategy, row: tf.Tensor) -> tf.Tensor:
    return strategy.gather(strategy.run(lambda: row), axis=0)
