"""Batching of elements by length, to reduce padding."""

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
    """Groups elements of similar length into batches and pads them at the end.

    The buckets are `[0, b0)`, `[b0, b1)`, ..., `[bn, infinity)`. A batch is returned as soon as a bucket is full, so
    consecutive batches may have different lengths. Elements left in the buckets are returned at the end.

    Args:
        boundaries: Strictly increasing sequence of lengths. Each boundary is the smallest length in its bucket; the
            first bucket contains all elements that are shorter than the first boundary.
        batch_size: Batch size for all buckets, or a sequence with one batch size per bucket, which has one more element
            than `boundaries`. Smaller batches for longer elements keep the total number of time steps per batch roughly
            constant.
        length: Function that returns the length of an element as int32 or int64. It is called with the same arguments
            as a function passed to `dataset.map`. Defaults to the size of the first axis of the first tensor.
        padding: Padding value: a nested structure with one value for each component of the elements, or a single value
            for all components. Defaults to 0, "" or `False`, depending on the dtype.
        pad_to_boundary: If `True`, each batch is padded to the upper boundary of the bucket minus one, and all elements
            must be shorter than the last boundary. If `False`, each batch is padded to the length of the longest
            element in the batch.
        drop_remainder: If `True`, incomplete batches at the end are dropped.

    Returns:
        A transformation for `dataset.apply`. The number of batches is unknown in advance.

    Raises:
        ValueError: If `boundaries` does not increase strictly, if a batch size is not positive, if the number of batch
            sizes does not match the buckets, or if `length` is `None` and the first tensor is a scalar.

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
    check(
        len(boundaries) > 0,
        "boundaries",
        boundaries,
        "a non-empty sequence",
        "call `dataset.padded_batch` to pad without buckets",
    )
    check(boundaries == sorted(set(boundaries)), "boundaries", boundaries, "strictly increasing")
    sizes = [batch_size] * (len(boundaries) + 1) if isinstance(batch_size, int) else list(batch_size)
    for size in sizes:
        check_whole("batch_size", size)
    expected = f"one size or {len(boundaries) + 1} sizes, one for each bucket"
    check(len(sizes) == len(boundaries) + 1, "batch_size", batch_size, expected)
    load_tensorflow()
    import tensorflow as tf

    def first_axis(*element: NestedTensors) -> Tensor:
        return tf.shape(tf.nest.flatten(element)[0])[0]

    def transform(dataset: Dataset) -> Dataset:
        first = tf.nest.flatten(dataset.element_spec)[0]
        known = length is not None or first.shape.rank != 0
        remedy = "pass a function that returns the length of an element"
        check(
            known,
            "length",
            Verbatim(f"None for the first tensor {first}"),
            "a function if the first tensor of each element is a scalar",
            remedy,
        )
        values = padding
        if padding is not None and not tf.nest.is_nested(padding):
            is_text = isinstance(padding, str | bytes)
            fits = all((spec.dtype == tf.string) == is_text for spec in tf.nest.flatten(dataset.element_spec))
            check(
                fits,
                "padding",
                padding,
                "compatible with the dtypes of all tensors, or a nested structure with one value for each tensor",
            )
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
