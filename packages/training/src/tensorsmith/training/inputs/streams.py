"""Data source for a `tf.data.Dataset`."""

import collections
import itertools
import logging
import re
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error
from tensorsmith.core.types import Logs
from tensorsmith.training._support.tensors import size_of
from tensorsmith.training.inputs.autotuning import without_autotuning
from tensorsmith.training.inputs.sources import BatchSource
from tensorsmith.training.loop.dataset_graph import repeats_itself, restores_exactly
from tensorsmith.training.loop.loops import Loops

# Ops of from_generator, py_function, checks and prints: their state cannot be saved, but repeating them gives the same
# result.
REPEATABLE = ("PyFunc", "EagerPyFunc", "DummySeedGenerator", "CheckNumerics", "Assert", "PrintV2")

log = logging.getLogger("tensorsmith.training")


class StreamSource:
    """Data source that reads batches from a `tf.data.Dataset` in a compiled loop.

    Args:
        dataset: Dataset whose elements are batches in the form of tuples.
        example: First batch of the dataset.
        steps_per_epoch: Number of steps per epoch for an infinite dataset. Defaults to one pass over the dataset.
    """

    def __init__(self, dataset: tf.data.Dataset, example: tuple[Any, ...], steps_per_epoch: int | None = None) -> None:
        cardinality = int(dataset.cardinality())
        self.example = example
        self.batch_size = int(size_of(example))
        self._dataset = without_autotuning(dataset)
        self._endless = steps_per_epoch is not None
        self._iterator: Any = None
        self._replayed: bool | None = None
        self._next_has_begun = False
        self.steps = steps_per_epoch or (cardinality if cardinality >= 0 else None)

    def compile(self, loops: Loops, kind: str, jit: bool) -> None:
        """Compiles a loop that runs steps, such as training steps, on the batches of the dataset."""
        self._loop = loops.over_stream(kind, self._dataset.element_spec, jit)

    def begin(self, epoch: int) -> None:
        """Restarts the iterator for a new epoch. The iterator of an infinite dataset continues instead."""
        if not self._next_has_begun and not (self._endless and self._iterator):
            self._begin()
        self._next_has_begun = False

    def save(self, path: Path, under_way: bool) -> None:
        """Writes the state of the iterator or, between epochs, the state at the start of the next epoch.

        If this state is not sufficient, nothing is written, and `restore` reads all elements again.

        Raises:
            ValueError: If the dataset contains a stateful operation, such as one that draws random numbers.
        """
        if self._replayed is None:
            self._replayed = not restores_exactly(self._dataset)
            if not repeats_itself(self._dataset):
                log.warning(
                    "a resumed run will see the data in a different order: pass a seed to each shuffle, or call "
                    "keras.utils.set_random_seed, and keep the default of options.deterministic"
                )
        if self._iterator is None or self._replayed:
            return
        if not (under_way or self._endless or self._next_has_begun):
            self._begin()
            self._next_has_begun = True
        try:
            tf.train.Checkpoint(iterator=self._iterator).write(str(path))
        except tf.errors.FailedPreconditionError as error:
            found = re.search(r"(\w+) is stateful", error.message)
            name = found[1] if found else error.message
            if name not in REPEATABLE:
                raise argument_error(
                    "x",
                    Verbatim(f"a dataset with the stateful operation {name}, whose state cannot be saved"),
                    "not contain stateful operations when checkpoints are written",
                    "use `tf.random.stateless_uniform` with seeds from `tf.data.Dataset.random`"
                    if "Random" in name
                    else "remove the operation, or train without checkpoints",
                ) from error
            self._replayed = True

    def restore(self, path: Path, epoch: int, step: int | None) -> None:
        """Restores the iterator from a saved state. If no state was saved, the previous elements are read again."""
        if path.with_name(f"{path.name}.index").exists():
            for _ in range(0 if self._endless else epoch):
                iter(self._dataset)
            self._iterator = iter(self._dataset)
            tf.train.Checkpoint(iterator=self._iterator).read(str(path)).assert_consumed()
            self._next_has_begun = step is None
            return
        log.info("reading %d epochs and %d batches again to restore the position in the data", epoch, step or 0)
        whole = self.steps if self._endless else None
        for drawn in [whole] * epoch + ([] if step is None else [step]):
            if not self._endless or self._iterator is None:
                self._begin()
            collections.deque(itertools.islice(self._iterator, drawn), maxlen=0)

    def _begin(self) -> None:
        # A restored shuffle that had read all of its input counts one iteration more. An uninterrupted run therefore
        # starts with an unused iteration.
        if self._iterator is None:
            iter(self._dataset)
        self._iterator = iter(self._dataset)

    @property
    def fixed_shapes(self) -> bool:
        """`True` if all dimensions of the dataset elements, except for the batch dimension, are known."""
        specs = tf.nest.flatten(self._dataset.element_spec)
        dense = all(isinstance(spec, tf.TensorSpec) and spec.shape.rank is not None for spec in specs)
        return dense and all(spec.shape[1:].is_fully_defined() for spec in specs)

    def warm_up_source(self) -> BatchSource:
        """Returns a data source that repeats the first batch. Trial runs therefore do not consume the dataset."""
        fixed = tf.nest.flatten(self._dataset.element_spec)[0].shape[0] is not None
        batches = tf.data.Dataset.from_tensor_slices(self.example).batch(self.batch_size, drop_remainder=fixed)
        return StreamSource(batches.repeat(), self.example, steps_per_epoch=sys.maxsize)

    def run(self, start: int, steps: int) -> tuple[int, Logs]:
        """Reads batches from the iterator and runs steps on them."""
        if self.steps is not None:
            steps = min(steps, self.steps - start)
        if steps <= 0:
            return 0, {}
        done, logs = self._loop(self._iterator, tf.constant(steps))
        if self.steps is None and int(done) < steps:
            self.steps = start + int(done)  # the number of steps is now known
        return int(done), logs
