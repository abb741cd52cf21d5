"""Where batches come from: arrays in memory or a tf.data stream, each with the compiled loop that runs over them."""

import math
import sys
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.training.inputs import Arrays
from tensorsmith.training.loops import Logs, Loops


class Source(Protocol):
    """Batches of one data set.

    Attributes:
        steps: Batches in an epoch, or None while nobody knows.
        example: Some examples of the data, to build a model from.
    """

    example: tuple[Any, ...]

    steps: int | None

    def compile(self, loops: Loops, kind: str, jit: bool) -> None:
        """Makes ready to run steps of one kind."""

    def begin(self, epoch: int) -> None:
        """Goes to the first batch of an epoch."""

    def run(self, start: int, steps: int) -> tuple[int, Logs]:
        """Runs up to `steps` steps from step `start` of the epoch on: how many were done, 0 at the end, and logs."""

    def rehearsal(self) -> "Source":
        """A source of like batches to try things on, without drawing anything from this one."""


class ArraySource:
    """Batches gathered from arrays inside the loop, in an order of its own for each epoch.

    Args:
        arrays: The examples.
        batch_size: Examples per step; what is left over makes a smaller last batch.
        seed: Of the orders; None keeps the examples as they are.
    """

    def __init__(self, arrays: Arrays, batch_size: int, seed: int | None) -> None:
        self.steps: int | None = math.ceil(arrays.size / batch_size)
        self.example = arrays.batch
        self._arrays = arrays
        self._batch_size = batch_size
        self._seed = seed

    def compile(self, loops: Loops, kind: str, jit: bool) -> None:
        """Makes the loop over whole batches and, without XLA, the one for the rest."""
        self._full, rest = divmod(self._arrays.size, self._batch_size)
        if self._full:
            self._loop = self._make(loops, kind, self._batch_size, jit)
        self._rest_loop = self._make(loops, kind, rest, False) if rest else None

    def rehearsal(self) -> Source:
        """The source itself: arrays are not used up."""
        return self

    def _make(self, loops: Loops, kind: str, batch_size: int, jit: bool) -> Any:
        spec = keras.tree.map_structure(
            lambda array: tf.TensorSpec((batch_size, *array.shape[1:]), array.dtype), self._arrays.batch
        )
        return loops.over_arrays(kind, spec, jit)

    def begin(self, epoch: int) -> None:
        """Draws the order of an epoch, which depends on seed and epoch alone."""
        size = self._arrays.size
        order = np.arange(size) if self._seed is None else np.random.default_rng([self._seed, epoch]).permutation(size)
        whole, rest = np.split(order.astype(np.int32), [self._full * self._batch_size])
        self._order = tf.constant(whole.reshape(self._full, self._batch_size))
        self._rest_order = tf.constant(rest[None])

    def run(self, start: int, steps: int) -> tuple[int, Logs]:
        """Runs whole batches, or the one smaller batch at the end."""
        arrays = self._arrays.batch
        if start < self._full:
            steps = min(steps, self._full - start)
            done, logs = self._loop(arrays, self._order, tf.constant(start), tf.constant(steps))
            return int(done), logs
        if start == self._full and self._rest_loop is not None:
            done, logs = self._rest_loop(arrays, self._rest_order, tf.constant(0), tf.constant(1))
            return int(done), logs
        return 0, {}


class StreamSource:
    """Batches drawn from a tf.data.Dataset inside the loop.

    Args:
        dataset: Of batches, each a tuple.
        example: Its first batch.
        steps_per_epoch: Where given, epochs of this length follow each other in the stream, which must not end.
    """

    def __init__(self, dataset: tf.data.Dataset, example: tuple[Any, ...], steps_per_epoch: int | None = None) -> None:
        cardinality = int(dataset.cardinality())
        self.example = example
        self._dataset = dataset
        self._endless = steps_per_epoch is not None
        self._iterator: Any = None
        self.steps = steps_per_epoch or (cardinality if cardinality >= 0 else None)

    def compile(self, loops: Loops, kind: str, jit: bool) -> None:
        """Makes the loop."""
        self._loop = loops.over_stream(kind, self._dataset.element_spec, jit)

    def begin(self, epoch: int) -> None:
        """Starts the stream again, unless this is a later epoch cut from one long stream."""
        if not self._endless:
            self._iterator = iter(self._dataset)
        elif epoch == 0 or self._iterator is None:
            self._iterator = iter(self._dataset.skip(epoch * (self.steps or 0)))

    def rehearsal(self) -> Source:
        """The first batch, over and over: the user's pipeline may be slow, shuffled, or good for one pass only."""
        fixed = tf.nest.flatten(self._dataset.element_spec)[0].shape[0] is not None
        size = len(tf.nest.flatten(self.example)[0])
        batches = tf.data.Dataset.from_tensor_slices(self.example).batch(size, drop_remainder=fixed)
        return StreamSource(batches.repeat(), self.example, steps_per_epoch=sys.maxsize)

    def run(self, start: int, steps: int) -> tuple[int, Logs]:
        """Draws and runs batches."""
        if self.steps is not None:
            steps = min(steps, self.steps - start)
        if steps <= 0:
            return 0, {}
        done, logs = self._loop(self._iterator, tf.constant(steps))
        if self.steps is None and int(done) < steps:
            self.steps = start + int(done)  # now the end is known
        return int(done), logs
