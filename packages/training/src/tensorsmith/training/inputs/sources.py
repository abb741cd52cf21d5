"""Interface of data sources that provide batches, and a data source for arrays."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core.types import Logs
from tensorsmith.training.inputs.checked import Arrays
from tensorsmith.training.loop.loops import Loops


class BatchSource(Protocol):
    """Interface of data sources that provide batches for training or evaluation.

    Attributes:
        steps: Number of batches per epoch, or `None` if it is unknown.
        batch_size: Number of examples per batch. The last batch may be smaller.
        example: Some examples of the data, for building a model.
    """

    example: tuple[Any, ...]

    steps: int | None
    batch_size: int

    def compile(self, loops: Loops, kind: str, jit: bool) -> None:
        """Compiles a loop that runs steps, such as training steps, on the batches of this data source."""

    def begin(self, epoch: int) -> None:
        """Moves to the first batch of the epoch with the given index."""

    def run(self, start: int, steps: int) -> tuple[int, Logs]:
        """Runs up to `steps` steps from the step `start`. Returns the number of completed steps and the logs."""

    def save(self, path: Path, under_way: bool) -> None:
        """Writes the current position in the data to files with the path prefix `path`.

        Raises:
            ValueError: If the position cannot be saved.
        """

    def restore(self, path: Path, epoch: int, step: int | None) -> None:
        """Restores a saved position, which is a step in an epoch or, if `step` is `None`, the start of the epoch."""

    @property
    def fixed_shapes(self) -> bool:
        """`True` if all batches have the same shapes, except for the batch axis."""

    def warm_up_source(self) -> "BatchSource":
        """Returns a data source of similar batches for trial runs, which must not change the position of this one."""


class ArraySource:
    """Data source that gathers batches from arrays in a compiled loop, optionally in shuffled order.

    Args:
        arrays: `Arrays` instance that contains the examples.
        batch_size: Number of examples per step. The last batch may be smaller.
        seed: Random seed for shuffling. If `None`, the examples are not shuffled.
        steps_per_epoch: Number of steps per epoch, which may exceed the number of steps in one pass over the arrays.
            Defaults to one pass over the arrays.
    """

    def __init__(self, arrays: Arrays, batch_size: int, seed: int | None, steps_per_epoch: int | None = None) -> None:
        self._steps_of_pass = math.ceil(arrays.size / batch_size)
        self.steps: int | None = steps_per_epoch or self._steps_of_pass
        self.example = arrays.batch
        self.batch_size = batch_size
        self._arrays = arrays
        self._seed = seed
        self._pass: int | None = None
        self._before = 0

    def compile(self, loops: Loops, kind: str, jit: bool) -> None:
        """Compiles the loop over full batches. For a smaller last batch, a separate loop without XLA is compiled."""
        self._full, rest = divmod(self._arrays.size, self.batch_size)
        if self._full:
            self._loop = self._make(loops, kind, self.batch_size, jit)
        self._rest_loop: Any = self._make(loops, kind, rest, False) if rest else None

    fixed_shapes = True  # arrays have known shapes

    def warm_up_source(self) -> BatchSource:
        """Returns this data source itself, because trial runs do not change its position."""
        return self

    def _make(self, loops: Loops, kind: str, batch_size: int, jit: bool) -> Callable[..., tuple[tf.Tensor, Logs]]:
        spec = keras.tree.map_structure(
            lambda array: tf.TensorSpec((batch_size, *array.shape[1:]), array.dtype), self._arrays.batch
        )
        return loops.over_arrays(kind, spec, jit)

    def begin(self, epoch: int) -> None:
        """Stores the number of steps in the previous epochs, which determines the current pass over the arrays."""
        self._before = epoch * (self.steps or 0)

    def _draw(self, number: int) -> None:
        """Shuffles the examples for a pass over the data. The order depends on the seed and the pass index."""
        size = self._arrays.size
        order = np.arange(size) if self._seed is None else np.random.default_rng([self._seed, number]).permutation(size)
        whole, rest = np.split(order.astype(np.int32), [self._full * self.batch_size])
        self._order = tf.constant(whole.reshape(self._full, self.batch_size))
        self._rest_order = tf.constant(rest[None])
        self._pass = number

    def save(self, path: Path, under_way: bool) -> None:
        """Does nothing, because the position is determined by the seed and the epoch."""

    def restore(self, path: Path, epoch: int, step: int | None) -> None:
        """Moves to the start of an epoch. The step in the epoch is passed to `run`."""
        self.begin(epoch)

    def run(self, start: int, steps: int) -> tuple[int, Logs]:
        """Runs steps on full batches, or one step on the smaller last batch of a pass over the data."""
        number, first = divmod(self._before + start, self._steps_of_pass)
        if number != self._pass:
            self._draw(number)
        arrays = self._arrays.batch
        steps = min(steps, (self.steps or 0) - start)
        if steps <= 0:
            return 0, {}
        if first < self._full:
            steps = min(steps, self._full - first)
            done, logs = self._loop(arrays, self._order, tf.constant(first), tf.constant(steps))
        else:
            done, logs = self._rest_loop(arrays, self._rest_order, tf.constant(0), tf.constant(1))
        return int(done), logs
