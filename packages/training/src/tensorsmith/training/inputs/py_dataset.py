"""Conversion of a `keras.utils.PyDataset` to a `tf.data.Dataset`."""

import collections
import contextlib
import itertools
import weakref
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.training.inputs.checked import as_array

# Exceptions raised by the methods of a `PyDataset`. TensorFlow only passes on their text.
_errors: weakref.WeakKeyDictionary[keras.utils.PyDataset, Exception] = weakref.WeakKeyDictionary()


@contextlib.contextmanager
def original_errors(*data: Any) -> Iterator[None]:
    """Context manager that raises the exception of a `PyDataset` itself, instead of the error of TensorFlow."""
    try:
        yield
    except tf.errors.OpError:
        for one in data:
            error = _errors.pop(one, None) if isinstance(one, keras.utils.PyDataset) else None
            if error is not None:
                raise error from None
        raise


def from_py_dataset(
    data: keras.utils.PyDataset, seed: int | None = None, endless: bool = False
) -> tuple[tf.data.Dataset, tuple[Any, ...]]:
    """Returns a dataset of the batches of a `PyDataset`, and its first batch.

    The method `on_epoch_begin` is called before the first batch of each iteration is read, `on_epoch_end` when the
    last one has been read. Batches are read by as many threads as the attribute `workers` specifies. Sizes that differ
    between the first two batches may differ between all of them, as in Keras.

    Args:
        data: `PyDataset` whose batches are arrays or tuples of the form `(x,)`, `(x, y)` or `(x, y, sample_weight)`.
        seed: Random seed for shuffling the order of the batches. If `None`, the order is that of the indices.
        endless: If `True`, the dataset starts again when all batches have been read.

    Raises:
        ValueError: If there are no batches, or if they have another form, or if the first two differ in structure.
    """
    count = data.num_batches
    check(count is None or count > 0, "x", Verbatim("a PyDataset without batches"), "contain at least one batch")
    first = _as_batch(data[0])
    second = _as_batch(data[1]) if count is None or count > 1 else first
    epochs = itertools.count()

    def epoch() -> Iterator[tuple[Any, ...]]:
        data.on_epoch_begin()
        order: Iterable[int] = itertools.count() if count is None else range(count)
        if count is not None and seed is not None:
            order = np.random.default_rng([seed, next(epochs)]).permutation(count).tolist()
        for position, batch in enumerate(_read(data, order), start=1):
            if position == count:  # nothing may ask for more than the last batch
                data.on_epoch_end()
            yield batch

    def epoch_with_errors() -> Iterator[tuple[Any, ...]]:
        try:
            yield from epoch()
        except Exception as error:
            _errors[data] = error
            raise

    signature = _signature(first, second)
    dataset = tf.data.Dataset.from_generator(epoch_with_errors, output_signature=signature)
    if endless and count is not None:
        dataset = dataset.repeat()
    cardinality = tf.data.INFINITE_CARDINALITY if endless or count is None else count
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(cardinality))
    return dataset, keras.tree.map_structure(tf.constant, first)


def _read(data: keras.utils.PyDataset, order: Iterable[int]) -> Iterator[tuple[Any, ...]]:
    """Yields the batches with the given indices, in this order."""
    if data.workers <= 1:
        for index in order:
            yield _as_batch(data[index])
        return
    with ThreadPoolExecutor(data.workers) as pool:
        queue: collections.deque[Future[Any]] = collections.deque()
        for index in order:
            queue.append(pool.submit(data.__getitem__, index))
            if len(queue) > max(data.workers, data.max_queue_size):
                yield _as_batch(queue.popleft().result())
        while queue:
            yield _as_batch(queue.popleft().result())


def _as_batch(item: Any) -> tuple[Any, ...]:
    """Returns an item of a `PyDataset` as a tuple of arrays."""
    parts = tuple(item) if isinstance(item, list | tuple) else (item,)
    if not 1 <= len(parts) <= 3:
        received = Verbatim(f"a PyDataset whose batches have {len(parts)} parts")
        raise argument_error("x", received, "contain batches of the form (x,), (x, y) or (x, y, sample_weight)")
    while len(parts) > 1 and parts[-1] is None:
        parts = parts[:-1]
    batch: tuple[Any, ...] = keras.tree.map_structure(_copy, parts)
    return batch


def _copy(values: Any) -> np.ndarray:
    """Returns a copy of values as an array, because `on_epoch_end` may change the values in place."""
    array = np.array(as_array(values))
    received = Verbatim(f"a PyDataset with a batch that contains {'None' if values is None else 'a number'}")
    remedy = "" if values is None else "pass np.array(values) if the values are a list"
    check(array.ndim > 0, "x", received, "contain arrays whose first axis is that of the examples", remedy)
    return array


def _signature(first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[Any, ...]:
    """Returns the specification of batches, from two of them."""

    def spec(array: np.ndarray, other: np.ndarray) -> tf.TensorSpec:
        sizes = [size if size == another else None for size, another in zip(array.shape, other.shape, strict=True)]
        return tf.TensorSpec((None, *sizes[1:]), array.dtype)

    try:
        signature: tuple[Any, ...] = keras.tree.map_structure(spec, first, second)
    except ValueError as error:
        received = Verbatim("a PyDataset whose first two batches differ in structure or rank")
        raise argument_error("x", received, "contain batches of the same structure and rank") from error
    return signature
