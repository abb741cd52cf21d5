"""Where batches come from, and the first kind of it: arrays in memory."""

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


class Source(Protocol):
    """Batches of one data set.

    Attributes:
        steps: Batches in an epoch, or None while nobody knows.
        batch_size: Examples in a batch, those of the last one aside.
        example: Some examples of the data, to build a model from.
    """

    example: tuple[Any, ...]

    steps: int | None
    batch_size: int

    def compile(self, loops: Loops, kind: str, jit: bool) -> None:
        """Makes ready to run steps of one kind."""

    def begin(self, epoch: int) -> None:
        """Goes to the first batch of an epoch."""

    def run(self, start: int, steps: int) -> tuple[int, Logs]:
        """Runs up to `steps` steps from step `start` of the epoch on: how many were done, 0 at the end, and logs."""

    def save(self, path: Path, under_way: bool) -> None:
        """Writes the position in the data, within an epoch or between two, into files whose names begin with this path.

        Raises:
            ValueError: The data keeps its position to itself.
        """

    def restore(self, path: Path, epoch: int, step: int | None) -> None:
        """Goes to a position that was saved: this step of this epoch, or before its beginning where there is none."""

    def rehearsal(self) -> "Source":
        """A source of like batches to try things on, without drawing anything from this one."""


class ArraySource:
    """Batches gathered from arrays inside the loop, in an order of its own for each pass over them.

    Args:
        arrays: The examples.
        batch_size: Examples per step; what is left over makes a smaller last batch.
        seed: Of the orders; None keeps the examples as they are.
        steps_per_epoch: Where given, epochs of this length follow each other in pass after pass over the arrays.
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
        """Makes the loop over whole batches and, without XLA, the one for the rest."""
        self._full, rest = divmod(self._arrays.size, self.batch_size)
        if self._full:
            self._loop = self._make(loops, kind, self.batch_size, jit)
        self._rest_loop: Any = self._make(loops, kind, rest, False) if rest else None

    def rehearsal(self) -> Source:
        """The source itself: arrays are not used up."""
        return self

    def _make(self, loops: Loops, kind: str, batch_size: int, jit: bool) -> Callable[..., tuple[tf.Tensor, Logs]]:
        spec = keras.tree.map_structure(
            lambda array: tf.TensorSpec((batch_size, *array.shape[1:]), array.dtype), self._arrays.batch
        )
        return loops.over_arrays(kind, spec, jit)

    def begin(self, epoch: int) -> None:
        """Counts the steps of the epochs before; whole passes over the arrays have an order each."""
        self._before = epoch * (self.steps or 0)

    def _draw(self, number: int) -> None:
        """Draws the order of a pass, which depends on seed and number alone."""
        size = self._arrays.size
        order = np.arange(size) if self._seed is None else np.random.default_rng([self._seed, number]).permutation(size)
        whole, rest = np.split(order.astype(np.int32), [self._full * self.batch_size])
        self._order = tf.constant(whole.reshape(self._full, self.batch_size))
        self._rest_order = tf.constant(rest[None])
        self._pass = number

    def save(self, path: Path, under_way: bool) -> None:
        """Nothing to write: seed and epoch say it all."""

    def restore(self, path: Path, epoch: int, step: int | None) -> None:
        """Counts the steps of the epochs before."""
        self.begin(epoch)

    def run(self, start: int, steps: int) -> tuple[int, Logs]:
        """Runs whole batches, or the one smaller batch at the end of a pass."""
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
