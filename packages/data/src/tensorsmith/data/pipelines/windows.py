"""Windows of consecutive elements: of the steps of a time series, of the characters of a text."""

from typing import Any

from tensorsmith.core import Verbatim, check, load_tensorflow
from tensorsmith.core.types import Dataset, NestedTensors, Tensor
from tensorsmith.data.pipelines.arguments import Transformation, check_whole, counted

BYTES_AT_ONCE = 1 << 20


def windows(length: int, *, shift: int = 1, stride: int = 1, nested: bool = False) -> Transformation:
    """All full windows of a dataset's elements.

    Window `i` has the elements `i shift + j stride` for `j` from 0 to `length - 1`. A rest at the end that fills no
    window is left out.

    About 1 MiB of windows is cut at a time. As datasets of their own, which `tf.data.Dataset.window` makes, windows of
    101 numbers took 30 times as long.

    Args:
        length: Elements in a window.
        shift: From the beginning of a window to that of the next; `length` for windows that do not overlap.
        stride: From one element of a window to the next.
        nested: Whether each window is a dataset, or several in the elements' structure, as `tf.data.Dataset.window`
            makes them. For elements that differ in shape, or where each window is to be processed as a dataset.

    Returns:
        What `dataset.apply` takes. Tensors get a first axis of `length`, in the structure that the elements have. The
        number of windows is known where that of the elements is.

    Raises:
        ValueError: `length`, `shift` or `stride` is no positive whole number, or elements are not dense tensors of
            known shape.

    Example:
        >>> import tensorflow as tf
        >>> for window in tf.data.Dataset.range(8).apply(windows(3, shift=2)).as_numpy_iterator():
        ...     print(window)
        [0 1 2]
        [2 3 4]
        [4 5 6]
    """
    for name, value in (("length", length), ("shift", shift), ("stride", stride)):
        check_whole(name, value)
    load_tensorflow()
    import tensorflow as tf

    span = (length - 1) * stride + 1
    offsets = tf.range(length, dtype=tf.int64) * stride

    def cut(state: tuple[NestedTensors, Tensor], rows: NestedTensors) -> Any:
        """The windows that are complete, and what is kept for the next: rows, and where in them one begins."""
        kept, begin = state
        rows = tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), kept, rows)
        count = tf.shape(tf.nest.flatten(rows)[0], tf.int64)[0]
        found = tf.maximum((count - begin - span) // shift + 1, 0)
        places = (begin + tf.range(found) * shift)[:, None] + offsets
        begin += found * shift
        passed = tf.minimum(begin, count)
        rest = tf.nest.map_structure(lambda tensor: tensor[passed:], rows)
        return (rest, begin - passed), tf.nest.map_structure(lambda tensor: tf.gather(tensor, places), rows)

    def transform(dataset: Dataset) -> Dataset:
        if nested:
            return dataset.window(length, shift, stride, drop_remainder=True)
        specs = tf.nest.flatten(dataset.element_spec)
        for spec in specs:
            remedy = "make them dense, or call `windows(..., nested=True)`"
            check(isinstance(spec, tf.TensorSpec), "dataset", Verbatim(spec), "elements of dense tensors", remedy)
            remedy = "map `tf.ensure_shape` over them, or call `windows(..., nested=True)`"
            check(spec.shape.is_fully_defined(), "dataset", Verbatim(spec), "elements of known shape", remedy)
        size = sum(map(_bytes, specs))
        cut_at_once = max(1, BYTES_AT_ONCE // (length * size))
        rows = dataset.batch(min(cut_at_once * shift, max(1, BYTES_AT_ONCE // size)))
        nothing = tf.nest.map_structure(lambda spec: tf.zeros([0, *spec.shape[1:]], spec.dtype), rows.element_spec)
        flat = rows.scan((nothing, tf.constant(0, tf.int64)), cut).unbatch()
        count = int(dataset.cardinality())
        if count >= 0:
            count = max(0, (count - span) // shift + 1)
        return counted(flat, count)

    return transform


def _bytes(spec: Any) -> int:
    """Of a tensor; where its shape is not known, so many that one window is cut at a time."""
    elements = spec.shape.num_elements()
    return BYTES_AT_ONCE if elements is None else max(1, elements * spec.dtype.size)
