"""The processes that train one model together."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import tensorflow as tf


class Team:
    """This process alone, or the workers of a MultiWorkerMirroredStrategy.

    All of them run the same program, and whatever depends on a clock, a signal or a file of one of them they have to
    agree upon before they go on: their windows of steps, as each step waits for the others, and where they end.

    Args:
        strategy: That of the model.

    Attributes:
        chief: Whether this is the process that writes files and shows progress.
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
        """The smallest of the numbers that the workers give."""
        return min(self._numbers(number))

    def agree(self, number: int) -> bool:
        """Whether all workers give the same number."""
        return len(set(self._numbers(number))) == 1

    def any(self, *said: bool) -> tuple[bool, ...]:
        """Of each thing, whether one of the workers says so."""
        return tuple(any(column) for column in self._rows(said).T.tolist())

    def _numbers(self, number: int) -> list[int]:
        numbers: list[int] = self._rows([number])[:, 0].tolist()
        return numbers

    def _rows(self, numbers: Sequence[int]) -> np.ndarray:
        """The numbers that each replica of each worker gives, one row below the other."""
        rows = np.array([numbers], np.int64)
        return rows if self._gather is None else self._gather(tf.constant(rows)).numpy()


def _gather(strategy: tf.distribute.Strategy, row: tf.Tensor) -> tf.Tensor:
    return strategy.gather(strategy.run(lambda: row), axis=0)
