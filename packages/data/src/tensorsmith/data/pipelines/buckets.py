"""Batches of elements that are about as long, so that little is padded."""

from collections.abc import Callable, Sequence
from typing import Any

from tensorsmith.core import Verbatim, check, load_tensorflow
from tensorsmith.core.types import Dataset, NestedTensors, Tensor
from tensorsmith.data.pipelines.arguments import Transformation, check_whole


def bucket_by_length(
    boundaries: Sequence[int],
    batch_size: int | Sequence[int],
    *,
    length: Callable[..., Any] | None = None,
    padding: Any = None,
    pad_to_boundary: bool = False,
    drop_remainder: bool = False,
) -> Transformation:
    """Batches of elements from one bucket of lengths, padded at the end.

    The buckets are `[0, b0)`, `[b0, b1)`, ..., `[bn, infinity)`. A bucket gives a batch when it is full, so that
    batches of several lengths follow each other; what is left in the buckets comes at the end.

    Args:
        boundaries: Where buckets begin, each larger than the one before.
        batch_size: Of all buckets, or a size for each, of which there is one more than boundaries. Smaller ones for
            longer elements keep the number of steps in a batch about the same.
        length: Of an element, int32 or int64, called as `dataset.map` calls its function; the first axis of the
            first tensor by default.
        padding: The value to pad with, in the elements' structure or one for all; 0, "" or False by default.
        pad_to_boundary: Whether all batches of a bucket have the same shape, one step shorter than its upper
            boundary, instead of that of their longest element. No element may then be as long as the last boundary.
        drop_remainder: Whether batches that are not full are left out at the end.

    Returns:
        What `dataset.apply` takes. The number of batches is not known before they have been counted.

    Raises:
        ValueError: Boundaries that do not increase, or batch sizes that are not positive or not one for each bucket;
            no `length`, where the first tensor is a single value.

    Example:
        >>> import tensorflow as tf
        >>> words = tf.data.Dataset.from_tensor_slices([1, 5, 2, 6]).map(tf.range)
        >>> for batch in words.apply(bucket_by_length([4], 2)).as_numpy_iterator():
        ...     print(batch.tolist())
        [[0, 0], [0, 1]]
        [[0, 1, 2, 3, 4, 0], [0, 1, 2, 3, 4, 5]]
    """
    boundaries = list(boundaries)
    for boundary in boundaries:
        check_whole("boundaries", boundary)
    check(len(boundaries) > 0, "boundaries", boundaries, "at least one", "call dataset.padded_batch for one bucket")
    check(boundaries == sorted(set(boundaries)), "boundaries", boundaries, "each larger than the one before")
    sizes = [batch_size] * (len(boundaries) + 1) if isinstance(batch_size, int) else list(batch_size)
    for size in sizes:
        check_whole("batch_size", size)
    expected = f"one size, or {len(boundaries) + 1} sizes, one for each bucket"
    check(len(sizes) == len(boundaries) + 1, "batch_size", batch_size, expected)
    load_tensorflow()
    import tensorflow as tf

    def first_axis(*element: NestedTensors) -> Tensor:
        return tf.shape(tf.nest.flatten(element)[0])[0]

    def transform(dataset: Dataset) -> Dataset:
        first = tf.nest.flatten(dataset.element_spec)[0]
        known = length is not None or first.shape.rank != 0
        remedy = "say which tensor is as long as the element"
        check(known, "length", Verbatim(f"none, for {first}"), "a function", remedy)
        values = padding
        if padding is not None and not tf.nest.is_nested(padding):
            is_text = isinstance(padding, str | bytes)
            fits = all((spec.dtype == tf.string) == is_text for spec in tf.nest.flatten(dataset.element_spec))
            check(fits, "padding", padding, "a value for each part of the elements, in their structure")
            values = tf.nest.map_structure(lambda spec: tf.cast(padding, spec.dtype), dataset.element_spec)
        return dataset.bucket_by_sequence_length(
            length or first_axis,
            boundaries,
            sizes,
            padding_values=values,
            pad_to_bucket_boundary=pad_to_boundary,
            drop_remainder=drop_remainder,
        )

    return transform
